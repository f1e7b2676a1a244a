import { createPostkit, type Caller, type Transaction } from "@postkit/core";
import { createTestDatabase, startProxy, type TestDatabase, waitFor } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { as, probe, whoami } from "./support/probe.ts";

type Tx = Transaction<{ probe: typeof probe }>;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ modules: [probe] });
  await db.owner.query(
    `create table public.orders (id text primary key); grant all on public.orders to ${db.appRole}`,
  );
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.super.query("truncate probe.notes, public.orders");
});

const open = () => createPostkit({ db: db.app, namespace: "acme", modules: { probe } });
const addNote = (caller: Caller, id: string) =>
  caller.value("probe.add_note", { p_id: id }, as<string>());
const notes = async () => {
  const { rows } = await db.super.query<{ id: string }>("select id from probe.notes order by id");
  return rows.map(({ id }) => id);
};
const refuse = (tx: Tx) => tx.probe.value("probe.refuse", {}, as());
const swallow = () => {};

describe("a transaction", () => {
  it("commits calls and statements together and gives what the function gives", async () => {
    const result = await open().transaction(async (tx) => {
      await addNote(tx.probe, "1");
      const { rows } = await tx.query<{ id: string }>(
        "insert into orders values ($1) returning id",
        ["o1"],
      );
      expect(await notes()).toEqual([]);
      return rows[0]?.id;
    });
    expect(result).toBe("o1");
    expect(await notes()).toEqual(["1"]);
    expect((await db.super.query("select id from orders")).rows).toEqual([{ id: "o1" }]);
  });

  it("rolls everything back when the function throws, and throws that very error", async () => {
    const mine = new Error("no thanks");
    const thrown: unknown = await open()
      .transaction(async (tx) => {
        await addNote(tx.probe, "1");
        await tx.query("insert into orders values ('o1')");
        throw mine;
      })
      .catch((error: unknown) => error);
    expect(thrown).toBe(mine);
    expect(await notes()).toEqual([]);
    expect((await db.super.query("select from orders")).rowCount).toBe(0);
  });

  it("throws what is no Error as it is", async () => {
    for (const thing of ["text", undefined, null, 0]) {
      const outcome: unknown = await open()
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors
        .transaction(() => Promise.reject(thing))
        .then(
          () => "committed",
          (error: unknown) => ({ error }),
        );
      expect(outcome).toEqual({ error: thing });
    }
  });

  it("is begin, the calls and commit on the wire, each once", async () => {
    await using proxy = await startProxy(db.appUrl);
    await using postkit = createPostkit({
      connectionString: proxy.url,
      namespace: "acme",
      modules: { probe },
    });
    await postkit.transaction((tx) => addNote(tx.probe, "1"));
    expect(proxy.clientStatements()).toEqual([
      "begin",
      expect.stringContaining("probe.add_note"),
      "commit",
    ]);
  });

  it("gives its connection back clean", async () => {
    await using postkit = createPostkit({
      connectionString: db.appUrl,
      pool: { max: 1 },
      namespace: "acme",
      modules: { probe },
    });
    await postkit.withActor({ actorId: "a" }).transaction((tx) => addNote(tx.probe, "1"));
    await expect(postkit.transaction(refuse)).rejects.toMatchObject({ code: "BIZ_REFUSED" });
    const { rows } = await postkit.pool.query(
      "select current_setting('postkit.tenant_id', true) as tenant, current_setting('postkit.actor_id', true) as actor, now() = statement_timestamp() as outside",
    );
    expect(rows).toEqual([{ tenant: "", actor: "", outside: true }]);
    expect(postkit.pool.totalCount).toBe(1);
  });

  it.each(["read committed", "repeatable read", "serializable"] as const)(
    "runs at the isolation it is told: %s",
    async (isolation) => {
      const level = await open().transaction(
        async (tx) =>
          (
            await tx.query<{ level: string }>(
              "select current_setting('transaction_isolation') as level",
            )
          ).rows[0]?.level,
        { isolation },
      );
      expect(level).toBe(isolation);
    },
  );

  it("keeps to the server's isolation when it is told none", async () => {
    await using postkit = createPostkit({
      connectionString: db.appUrl,
      pool: { options: "-c default_transaction_isolation=serializable" },
      modules: { probe },
    });
    const { rows } = await postkit.transaction((tx) =>
      tx.query("select current_setting('transaction_isolation') as level"),
    );
    expect(rows).toEqual([{ level: "serializable" }]);
  });

  it("sends parallel calls one after the other and all see the same transaction", async () => {
    const told = await open().transaction((tx) =>
      Promise.all(Array.from({ length: 10 }, () => whoami(tx.probe))),
    );
    expect(new Set(told.map(({ backendPid }) => backendPid)).size).toBe(1);
  });
});

describe("a statement that failed and whose error was swallowed", () => {
  it("makes the commit an error, since it rolled back", async () => {
    await expect(
      open().transaction(async (tx) => {
        await addNote(tx.probe, "1");
        await refuse(tx).catch(swallow);
      }),
    ).rejects.toMatchObject({
      module: "core",
      code: "BIZ_TRANSACTION_ROLLED_BACK",
      sqlstate: "40000",
    });
    expect(await notes()).toEqual([]);
  });

  it("makes the end of a nested transaction an error, and the outer one may go on", async () => {
    await open().transaction(async (tx) => {
      await addNote(tx.probe, "1");
      await expect(
        tx.transaction(async (inner) => {
          await addNote(inner.probe, "2");
          await refuse(inner).catch(swallow);
        }),
      ).rejects.toMatchObject({ code: "BIZ_TRANSACTION_ROLLED_BACK" });
      await addNote(tx.probe, "3");
    });
    expect(await notes()).toEqual(["1", "3"]);
  });

  it("is undone by the nested transaction that it failed in", async () => {
    await open().transaction(async (tx) => {
      await addNote(tx.probe, "1");
      await tx.transaction(refuse).catch(swallow);
      await addNote(tx.probe, "2");
    });
    expect(await notes()).toEqual(["1", "2"]);
  });
});

describe("nested transactions", () => {
  it("undo what failed in them, three deep, and keep the rest", async () => {
    const undo = new Error("undo");
    await open().transaction(async (one) => {
      await addNote(one.probe, "1");
      await one.transaction(async (two) => {
        await addNote(two.probe, "2");
        await expect(
          two.transaction(async (three) => {
            await addNote(three.probe, "3");
            await three.transaction(async (four) => {
              await addNote(four.probe, "4");
            });
            throw undo;
          }),
        ).rejects.toBe(undo);
        await two.transaction((three) => addNote(three.probe, "3b"));
      });
      await one.transaction((two) => addNote(two.probe, "2b"));
    });
    expect(await notes()).toEqual(["1", "2", "2b", "3b"]);
  });

  it("go with the outer one when that rolls back", async () => {
    await expect(
      open().transaction(async (tx) => {
        await tx.transaction((inner) => addNote(inner.probe, "1"));
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(await notes()).toEqual([]);
  });

  it("give what their function gives, and work on handles of other tenants and actors", async () => {
    const told = await open().transaction((tx) =>
      tx
        .withNamespace("globex")
        .withActor({ actorId: "a" })
        .transaction((inner) => whoami(inner.probe)),
    );
    expect(told).toMatchObject({ tenantId: "globex", actorId: "a" });
  });

  it("in parallel are refused, and the first is not harmed", async () => {
    await open().transaction(async (tx) => {
      const [first, second] = await Promise.allSettled([
        tx.transaction((inner) => addNote(inner.probe, "1")),
        tx.transaction((inner) => addNote(inner.probe, "2")),
      ]);
      expect(first).toEqual({ status: "fulfilled", value: "1" });
      expect(second).toMatchObject({
        status: "rejected",
        reason: { module: "core", code: "BIZ_TRANSACTION_NESTED", sqlstate: "25001" },
      });
      await addNote(tx.probe, "3");
    });
    expect(await notes()).toEqual(["1", "3"]);
  });

  it("keep the outer handle from being used meanwhile, since they could undo it", async () => {
    await open().transaction(async (tx) => {
      await tx.transaction(async (inner) => {
        await expect(addNote(tx.probe, "outer")).rejects.toMatchObject({
          code: "BIZ_TRANSACTION_NESTED",
        });
        await addNote(inner.probe, "inner");
      });
    });
    expect(await notes()).toEqual(["inner"]);
  });
});

describe("a handle whose transaction has ended", () => {
  it("refuses calls, statements and nesting after commit and after rollback", async () => {
    const kept: Tx[] = [];
    const keep = async (tx: Tx) => void kept.push(tx, tx.withNamespace("globex"));
    await open().transaction(keep);
    await open()
      .transaction(async (tx) => {
        await keep(tx);
        throw new Error("no");
      })
      .catch(swallow);

    const closed = { module: "core", code: "BIZ_TRANSACTION_CLOSED", sqlstate: "25000" };
    expect(kept).toHaveLength(4);
    for (const tx of kept) {
      await expect(addNote(tx.probe, "late")).rejects.toMatchObject(closed);
      await expect(tx.query("select 1")).rejects.toMatchObject(closed);
      await expect(tx.transaction(async () => {})).rejects.toMatchObject(closed);
    }
    expect(await notes()).toEqual([]);
  });

  it("refuses calls on a nested handle that is done", async () => {
    await open().transaction(async (tx) => {
      let kept: Tx | undefined;
      await tx.transaction(async (inner) => void (kept = inner));
      await expect(kept?.query("select 1")).rejects.toMatchObject({
        code: "BIZ_TRANSACTION_CLOSED",
      });
    });
  });

  it("tells when a statement of the function's own ended it", async () => {
    await expect(
      open().transaction(async (tx) => {
        await addNote(tx.probe, "1");
        await tx.query("rollback");
      }),
    ).rejects.toMatchObject({ code: "BIZ_TRANSACTION_CLOSED" });
    expect(await notes()).toEqual([]);
  });
});

describe("the context inside a transaction", () => {
  it("does not pass from one call to the next", async () => {
    await open().transaction(async (tx) => {
      expect(
        await whoami(
          tx.withActor({ actorId: "a", reason: "r" }).withSettings({ colour: "red" }).probe,
        ),
      ).toMatchObject({
        actorId: "a",
        colour: "red",
      });
      expect(await whoami(tx.probe)).toMatchObject({ actorId: null, reason: null, colour: null });
      expect(await whoami(tx.withNamespace("globex").probe)).toMatchObject({ tenantId: "globex" });
      expect(await whoami(tx.probe)).toMatchObject({ tenantId: "acme" });
    });
  });

  it("does not pass to another client of the same transaction, however that joined it", async () => {
    const client = await db.app.connect();
    try {
      await client.query("begin");
      const [one, other] = [
        open(),
        createPostkit({ db: db.app, namespace: "globex", modules: { probe } }),
      ];
      const adapter = () => ({
        query: (text: string, values?: unknown[]) => client.query(text, values),
      });
      expect(await whoami(one.withActor({ actorId: "a" }).on(client).probe)).toMatchObject({
        tenantId: "acme",
        actorId: "a",
      });
      expect(await whoami(other.on(client).probe)).toMatchObject({
        tenantId: "globex",
        actorId: null,
      });
      expect(await whoami(one.withActor({ actorId: "b" }).on(adapter()).probe)).toMatchObject({
        actorId: "b",
      });
      expect(await whoami(other.on(adapter()).probe)).toMatchObject({
        tenantId: "globex",
        actorId: null,
      });
      await client.query("rollback");
    } finally {
      client.release();
    }
  });

  it("leaves what the application set itself in force", async () => {
    await open().transaction(async (tx) => {
      await tx.query("select set_config('postkit.actor_id', 'by hand', true)");
      expect(await whoami(tx.probe)).toMatchObject({ actorId: "by hand" });
    });
  });

  it("is not lost to a rollback to a savepoint", async () => {
    const acting = open().withActor({ actorId: "a" });
    await acting.transaction(async (tx) => {
      expect(await whoami(tx.probe)).toMatchObject({ tenantId: "acme", actorId: "a" });
      let inside: unknown;
      await tx
        .transaction(async (inner) => {
          inside = await whoami(inner.withNamespace("globex").withActor({ actorId: "b" }).probe);
          throw new Error("undo");
        })
        .catch(swallow);
      expect(inside).toMatchObject({ tenantId: "globex", actorId: "b" });
      expect(await whoami(tx.probe)).toMatchObject({ tenantId: "acme", actorId: "a" });
      expect(await whoami(tx.withActor({}).probe)).toMatchObject({ actorId: null });
      await tx.transaction(async (inner) => {
        expect(await whoami(inner.probe)).toMatchObject({ actorId: "a" });
      });
    });
  });
});

describe("limits", () => {
  it("a transaction that takes too long is rolled back and its connection closed", async () => {
    await using postkit = createPostkit({
      connectionString: db.appUrl,
      pool: { max: 1 },
      namespace: "acme",
      modules: { probe },
    });
    await expect(
      postkit.transaction(
        async (tx) => {
          await addNote(tx.probe, "1");
          await tx.probe.value("probe.sleep", { p_seconds: 60 }, as());
        },
        { timeoutMs: 150 },
      ),
    ).rejects.toMatchObject({ code: "SYS_TIMEOUT", sqlstate: "57014" });
    await waitFor(() => postkit.pool.totalCount === 0, { what: "the connection to be closed" });
    expect(await whoami(postkit.probe)).toMatchObject({ tenantId: "acme" });
    expect(await notes()).toEqual([]);
  });

  it("a statement that takes too long ends the transaction, even when its error is swallowed", async () => {
    await using postkit = createPostkit({
      connectionString: db.appUrl,
      namespace: "acme",
      modules: { probe },
    });
    await expect(
      postkit.transaction(async (tx) => {
        await addNote(tx.probe, "1");
        await tx.query("select pg_sleep(60)", [], { timeoutMs: 100 }).catch(swallow);
      }),
    ).rejects.toMatchObject({ code: "SYS_TIMEOUT" });
    expect(await notes()).toEqual([]);
  });

  it("an aborted transaction is rolled back with the signal's reason as cause", async () => {
    const controller = new AbortController();
    const reason = new Error("the user went away");
    await expect(
      open().transaction(
        async (tx) => {
          await addNote(tx.probe, "1");
          controller.abort(reason);
          await addNote(tx.probe, "2");
        },
        { signal: controller.signal },
      ),
    ).rejects.toMatchObject({ code: "SYS_ABORTED", cause: reason });
    expect(await notes()).toEqual([]);
  });

  it("a function that outlives its time-out cannot write any more", async () => {
    let settle: (written: Promise<unknown>) => void = swallow;
    const late = new Promise<unknown>((resolve) => {
      settle = resolve;
    });
    await expect(
      open().transaction(
        async (tx) => {
          await tx.query("select pg_sleep(60)").catch(swallow);
          const written = addNote(tx.probe, "late");
          settle(written);
          await written;
        },
        { timeoutMs: 100 },
      ),
    ).rejects.toMatchObject({ code: "SYS_TIMEOUT" });
    await expect(late).rejects.toMatchObject({
      code: expect.stringMatching(/^(SYS_TIMEOUT|BIZ_TRANSACTION_CLOSED)$/),
    });
    expect(await notes()).toEqual([]);
  });
});
