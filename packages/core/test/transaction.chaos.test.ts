import { createPostkit, type Caller } from "@postkit/core";
import {
  createTestDatabase,
  type Proxy,
  startProxy,
  type TestDatabase,
  waitFor,
} from "@postkit/testkit";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { as, probe, whoami } from "./support/probe.ts";

let db: TestDatabase;
let proxy: Proxy;
beforeAll(async () => {
  db = await createTestDatabase({ modules: [probe] });
  // Lets a test hold a commit on the server: a deferred trigger runs inside it.
  await db.owner.query(`
    create table public.gated (id text primary key); grant all on public.gated to ${db.appRole};
    create function public.wait_at_gate() returns trigger language plpgsql as $$ begin
      perform pg_advisory_xact_lock(4711); return null;
    end $$;
    create constraint trigger gate after insert on public.gated deferrable initially deferred
      for each row execute function public.wait_at_gate()`);
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.super.query("truncate probe.notes, public.gated");
  proxy = await startProxy(db.appUrl);
});
afterEach(() => proxy.close());

const open = (options: { timeoutMs?: number } = {}) =>
  createPostkit({
    connectionString: proxy.url,
    pool: { max: 2 },
    namespace: "acme",
    modules: { probe },
    ...options,
  });
const addNote = (caller: Caller, id: string) =>
  caller.value("probe.add_note", { p_id: id }, as<string>());
const notes = async () => {
  const { rows } = await db.super.query<{ id: string }>("select id from probe.notes order by id");
  return rows.map(({ id }) => id);
};
const terminate = (pid: number) => db.super.query("select pg_terminate_backend($1)", [pid]);
const gone = (pid: number) =>
  waitFor(
    async () =>
      (await db.super.query("select from pg_stat_activity where pid = $1", [pid])).rowCount === 0,
    {
      what: "the backend to end",
    },
  );

describe("a connection lost before commit was sent", () => {
  it.each([
    { what: "terminated by the server", lose: terminate },
    {
      what: "cut by the network",
      lose: async (pid: number) => {
        proxy.cut();
        await gone(pid);
      },
    },
  ])("fails the transaction, $what, and nothing is left", async ({ lose }) => {
    await using postkit = open();
    await expect(
      postkit.transaction(async (tx) => {
        await addNote(tx.probe, "1");
        await lose((await whoami(tx.probe)).backendPid);
        await addNote(tx.probe, "2");
      }),
    ).rejects.toMatchObject({
      module: "core",
      code: "SYS_CONNECTION_LOST",
      sqlstate: "08006",
      cause: expect.any(Error),
    });
    expect(await notes()).toEqual([]);
    expect(await whoami(postkit.probe)).toMatchObject({ tenantId: "acme" });
  });

  it("is retried on a new connection when retries are asked for", async () => {
    await using postkit = open();
    const pids: number[] = [];
    await postkit.transaction(
      async (tx) => {
        const { backendPid } = await whoami(tx.probe);
        pids.push(backendPid);
        await addNote(tx.probe, `try ${pids.length}`);
        if (pids.length === 1) await terminate(backendPid);
        await addNote(tx.probe, "2");
      },
      { retries: 1 },
    );
    expect(new Set(pids).size).toBe(2);
    expect(await notes()).toEqual(["2", "try 2"]);
  });

  it("while the function did something else is retried too, since commit was never sent", async () => {
    await using postkit = open();
    const ended = firstClientEnds(postkit.pool);
    let tries = 0;
    await postkit.transaction(
      async (tx) => {
        tries += 1;
        await addNote(tx.probe, `try ${tries}`);
        if (tries > 1) return;
        // The driver learns of it by itself; nothing is sent meanwhile.
        await terminate((await whoami(tx.probe)).backendPid);
        await ended;
      },
      { retries: 1 },
    );
    expect(tries).toBe(2);
    expect(await notes()).toEqual(["try 2"]);
  });

  it("that is swallowed does not become a commit", async () => {
    await using postkit = open();
    await expect(
      postkit.transaction(async (tx) => {
        await addNote(tx.probe, "1");
        await terminate((await whoami(tx.probe)).backendPid);
        await addNote(tx.probe, "2").catch(() => {});
      }),
    ).rejects.toMatchObject({ code: "SYS_CONNECTION_LOST" });
    expect(await notes()).toEqual([]);
  });

  it("fails the outer transaction although a nested one caught it", async () => {
    await using postkit = open();
    await expect(
      postkit.transaction(async (tx) => {
        await addNote(tx.probe, "1");
        await tx
          .transaction(async (inner) => {
            await terminate((await whoami(inner.probe)).backendPid);
            await addNote(inner.probe, "2");
          })
          .catch(() => {});
      }),
    ).rejects.toMatchObject({ code: "SYS_CONNECTION_LOST" });
    expect(await notes()).toEqual([]);
  });
});

describe("a connection lost after commit was sent", () => {
  const commitIsWaiting = () =>
    waitFor(
      async () => {
        const { rows } = await db.super.query<{ pid: number }>(
          `select pid from pg_stat_activity
           where datname = current_database() and query = 'commit' and wait_event = 'advisory'`,
        );
        return rows[0]?.pid;
      },
      { what: "the commit to wait at the gate" },
    );

  /** Runs `work` while the server holds the commit of a transaction that the client has sent. */
  async function whileCommitting(work: (pid: number) => Promise<unknown>) {
    const gate = await db.super.connect();
    let tries = 0;
    try {
      await gate.query("select pg_advisory_lock(4711)");
      await using postkit = open();
      const outcome = postkit
        .transaction(
          async (tx) => {
            tries += 1;
            await addNote(tx.probe, "1");
            await tx.query("insert into public.gated values ('1')");
          },
          { retries: 5 },
        )
        .then(
          () => "committed",
          (error: unknown) => error,
        );
      await work(await commitIsWaiting());
      return {
        error: await outcome,
        tries,
        openGate: () => gate.query("select pg_advisory_unlock(4711)"),
      };
    } finally {
      await gate.query("select pg_advisory_unlock_all()");
      gate.release();
    }
  }

  it("is told as an unknown outcome and never retried, and here it did commit", async () => {
    const { error, tries } = await whileCommitting(async () => proxy.cut());
    expect(error).toMatchObject({
      module: "core",
      code: "SYS_COMMIT_UNKNOWN",
      sqlstate: "08007",
      cause: { code: "SYS_CONNECTION_LOST" },
    });
    expect(tries).toBe(1);
    await waitFor(async () => (await notes()).length === 1, {
      what: "the server to finish the commit",
    });
  });

  it("is told as an unknown outcome when the backend was terminated, and here it did not commit", async () => {
    const { error, tries } = await whileCommitting(terminate);
    expect(error).toMatchObject({ code: "SYS_COMMIT_UNKNOWN" });
    expect(tries).toBe(1);
    expect(await notes()).toEqual([]);
  });

  it("is told as an unknown outcome when the answer does not come in time", async () => {
    await using postkit = open({ timeoutMs: 1_000 });
    const done = postkit.transaction(async (tx) => {
      await addNote(tx.probe, "1");
      proxy.stall();
    });
    await expect(done).rejects.toMatchObject({
      code: "SYS_COMMIT_UNKNOWN",
      cause: { code: "SYS_TIMEOUT" },
    });
    proxy.resume();
    expect(await whoami(postkit.probe)).toMatchObject({ tenantId: "acme" });
  });
});

describe("a commit that PostgreSQL refuses", () => {
  it("gives the driver's error, since its outcome is known", async () => {
    await db.owner.query(`
      create table if not exists public.parents (id int primary key);
      create table if not exists public.children (parent_id int references public.parents deferrable initially deferred);
      grant all on public.parents, public.children to ${db.appRole}`);
    await using postkit = open();
    await expect(
      postkit.transaction(async (tx) => {
        await addNote(tx.probe, "1");
        await tx.query("insert into public.children values (1)");
      }),
    ).rejects.toMatchObject({ code: "23503", severity: "ERROR" });
    expect(await notes()).toEqual([]);
    expect([postkit.pool.totalCount, postkit.pool.idleCount]).toEqual([1, 1]);
  });
});

describe("a connection that dies while its transaction is idle", () => {
  it("does not crash the process", async () => {
    await using postkit = open();
    const ended = firstClientEnds(postkit.pool);
    await expect(
      postkit.transaction(async (tx) => {
        await tx.query("set local idle_in_transaction_session_timeout = '20ms'");
        await ended;
        return addNote(tx.probe, "late");
      }),
    ).rejects.toMatchObject({ code: "SYS_CONNECTION_LOST" });
    expect(await notes()).toEqual([]);
    expect(await whoami(postkit.probe)).toMatchObject({ tenantId: "acme" });
  });
});

/** Resolves when the driver has learnt that the first connection of a pool is gone. */
function firstClientEnds(pool: pg.Pool): Promise<void> {
  return new Promise((resolve) => {
    pool.once("connect", (client: pg.PoolClient) => client.once("end", resolve));
  });
}
