import { createPostkit, type Caller, type Transaction } from "@postkit/core";
import { barrier, createTestDatabase, type TestDatabase, waitFor } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { as, probe } from "./support/probe.ts";

type Tx = Transaction<{ probe: typeof probe }>;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ modules: [probe] });
  await db.owner.query(
    `create table public.counters (id int primary key, n int not null); grant all on public.counters to ${db.appRole};
     create function public.refuse_serialization() returns void language plpgsql as $$ begin
       raise exception 'lost a race that the module knows' using errcode = '40001', hint = 'postkit:probe:BIZ_CONFLICT';
     end $$`,
  );
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.super.query(
    "truncate public.counters, probe.notes; insert into public.counters values (1, 0), (2, 0)",
  );
});

const postkit = () => createPostkit({ db: db.app, namespace: "acme", modules: { probe } });
const addNote = (caller: Caller, id: string) =>
  caller.value("probe.add_note", { p_id: id }, as<string>());
const counters = async () => {
  const { rows } = await db.super.query<{ n: number }>("select n from public.counters order by id");
  return rows.map(({ n }) => n);
};

/** Reads both counters before either writes, so that one of two serializable transactions must fail. */
function contend(
  met: { arrive(): Promise<void> },
  tries: number[],
  index: number,
  retries?: number,
) {
  return postkit().transaction(
    async (tx) => {
      tries[index] = (tries[index] ?? 0) + 1;
      await tx.query("select sum(n) from public.counters");
      if (tries[index] === 1) await met.arrive();
      await tx.query("update public.counters set n = n + 1 where id = $1", [index + 1]);
    },
    { isolation: "serializable", ...(retries === undefined ? {} : { retries }) },
  );
}

/** Locks the two counters in opposite order. */
function entangle(
  met: { arrive(): Promise<void> },
  tries: number[],
  index: number,
  retries?: number,
) {
  const [first, second] = index === 0 ? [1, 2] : [2, 1];
  return postkit().transaction(
    async (tx) => {
      tries[index] = (tries[index] ?? 0) + 1;
      await tx.query("update public.counters set n = n + 1 where id = $1", [first]);
      if (tries[index] === 1) await met.arrive();
      await tx.query("update public.counters set n = n + 1 where id = $1", [second]);
    },
    retries === undefined ? {} : { retries },
  );
}

describe.each([
  { what: "a serialization failure", sqlstate: "40001", run: contend, done: [1, 1] },
  { what: "a deadlock", sqlstate: "40P01", run: entangle, done: [2, 2] },
])("$what", ({ sqlstate, run, done }) => {
  it("is thrown as the driver's error when no retries are asked for", async () => {
    const [met, tries] = [barrier(2), [] as number[]];
    const results = await Promise.allSettled([run(met, tries, 0), run(met, tries, 1)]);
    const failed = results.filter((result) => result.status === "rejected");
    expect(failed).toHaveLength(1);
    expect(failed[0]?.reason).toMatchObject({ code: sqlstate, severity: "ERROR" });
    expect(tries).toEqual([1, 1]);
  });

  it("is retried when retries are asked for, and both commit", async () => {
    const [met, tries] = [barrier(2), [] as number[]];
    await Promise.all([run(met, tries, 0, 3), run(met, tries, 1, 3)]);
    expect(tries.toSorted((a, b) => a - b)).toEqual([1, 2]);
    expect(await counters()).toEqual(done);
  });
});

describe("retries", () => {
  it("are not spent on a failure that a module has named", async () => {
    let tries = 0;
    await expect(
      postkit().transaction(
        async (tx) => {
          tries += 1;
          await tx.query("select public.refuse_serialization()");
        },
        { retries: 3 },
      ),
    ).rejects.toMatchObject({ code: "BIZ_CONFLICT", sqlstate: "40001" });
    expect(tries).toBe(1);
  });

  it("are not spent on any other failure", async () => {
    let tries = 0;
    const mine = new Error("mine");
    await expect(
      postkit().transaction(
        async () => {
          tries += 1;
          throw mine;
        },
        { retries: 3 },
      ),
    ).rejects.toBe(mine);
    expect(tries).toBe(1);
  });

  it("end at their number with the last failure, and nothing is left of any try", async () => {
    let tries = 0;
    const failing = async (tx: Tx) => {
      tries += 1;
      await addNote(tx.probe, `try ${tries}`);
      await tx.query("do $$ begin raise exception 'try %', 1 using errcode = '40001'; end $$");
    };
    await expect(postkit().transaction(failing, { retries: 2 })).rejects.toMatchObject({
      code: "40001",
    });
    expect(tries).toBe(3);
    expect((await db.super.query("select from probe.notes")).rowCount).toBe(0);
  });

  it("find the failure beneath an error of the caller's own", async () => {
    let tries = 0;
    await postkit().transaction(
      async (tx) => {
        tries += 1;
        if (tries > 1) return;
        await tx
          .query("do $$ begin raise exception 'again' using errcode = '40001'; end $$")
          .catch((cause: unknown) => {
            throw new Error("could not save the order", { cause });
          });
      },
      { retries: 1 },
    );
    expect(tries).toBe(2);
  });

  it("do not begin after the time of the whole transaction is over", async () => {
    let tries = 0;
    await expect(
      postkit().transaction(
        async (tx) => {
          tries += 1;
          await tx.query("do $$ begin raise exception 'again' using errcode = '40001'; end $$");
        },
        { retries: Number.MAX_SAFE_INTEGER, timeoutMs: 300 },
      ),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^(SYS_TIMEOUT|40001)$/) });
    const triesAtEnd = tries;
    await postkit().transaction(async (tx) => void (await addNote(tx.probe, "after")));
    expect(tries).toBe(triesAtEnd);
  });
});

it("two transactions on one pool wait for each other's locks and both commit", async () => {
  const first = barrier(2);
  const holding = postkit().transaction(async (tx) => {
    await tx.query("update public.counters set n = n + 1 where id = 1");
    await first.arrive();
    await waitFor(
      async () => {
        const { rowCount } = await db.super.query(
          "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return rowCount;
      },
      { what: "the other transaction to wait" },
    );
  });
  await first.arrive();
  await Promise.all([
    holding,
    postkit().transaction((tx) => tx.query("update public.counters set n = n + 1 where id = 1")),
  ]);
  expect(await counters()).toEqual([2, 0]);
});
