import { authz } from "@postkit/authz";
import { createTestDatabase, race, type TestDatabase, waitFor } from "@postkit/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { openSession, type Session } from "./support/session.ts";

let db: TestDatabase;
let one: Session;
let other: Session;
let owner: Session;
/** The partition of this month, by the server's clock. */
let thisMonth: { name: string; p_year: number; p_month: number };

beforeEach(async () => {
  db = await createTestDatabase({ modules: [authz] });
  [one, other] = [await openSession(db.app, "acme"), await openSession(db.app, "acme")];
  owner = await openSession(db.owner);
  const { rows } = await owner.query<typeof thisMonth>(
    `select to_char(n, '"audit_events_y"YYYY"m"MM') as name, extract(year from n)::int as p_year,
       extract(month from n)::int as p_month
     from timezone('utc', now()) n`,
  );
  thisMonth = rows[0] as typeof thisMonth;
  // Both have made their plans, as connections of a pool have.
  await one.grant(grant("warm-up 1"));
  await other.grant(grant("warm-up 2"));
  await unmake();
});

afterEach(() => db.drop());

const grant = (id: string) => ({ resource: `doc:${id}`, relation: "read", subject: "user:alice" });
const create = (session = owner) =>
  session.call<string | null>("create_audit_partition", {
    p_year: thisMonth.p_year,
    p_month: thisMonth.p_month,
  });

/** Puts this month back into the default partition, as if maintenance had not run. */
async function unmake(): Promise<void> {
  await db.super.query(
    `begin;
     alter table authz.audit_events detach partition authz.${thisMonth.name};
     insert into authz.audit_events overriding system value select * from authz.${thisMonth.name};
     drop table authz.${thisMonth.name};
     commit`,
  );
}

async function places(): Promise<Record<string, number>> {
  const { rows } = await db.super.query<{ partition: string; count: number }>(
    "select c.relname::text as partition, count(*)::int from authz.audit_events e join pg_class c on c.oid = e.tableoid group by 1",
  );
  return Object.fromEntries(rows.map(({ partition, count }) => [partition, count]));
}

/** Starts work on a connection and comes back when it waits for a lock; fails when it does not. */
async function startBlocked<T>(session: Session, work: () => Promise<T>): Promise<Promise<T>[]> {
  const { rows } = await session.query<{ pid: number }>("select pg_backend_pid() as pid");
  const running = work();
  running.catch(() => {});
  await waitFor(async () => {
    const { rowCount } = await db.super.query(
      "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'",
      [rows[0]?.pid],
    );
    return rowCount === 1;
  });
  // In a list, since a promise that is returned alone would be waited for.
  return [running];
}

describe("while the partition of this month is made", () => {
  it("a grant waits, and then goes into it", async () => {
    await owner.query("begin");
    await create();
    const [waiting] = await startBlocked(one, () => one.grant(grant("1")));
    await owner.query("commit");
    expect(await waiting).toMatch(/^\d+$/);
    expect(await places()).toEqual({ [thisMonth.name]: 3 });
  });

  it("a grant waits, and goes where it would have gone, when it is not made after all", async () => {
    await owner.query("begin");
    await create();
    const [waiting] = await startBlocked(one, () => one.grant(grant("1")));
    await owner.query("rollback");
    await waiting;
    expect(await places()).toEqual({ audit_events_default: 3 });
  });

  it.each(["read committed", "repeatable read", "serializable"])(
    "a grant of a transaction under way waits too: %s",
    async (level) => {
      await one.query(`begin isolation level ${level}`);
      await one.query("select from authz.tuples");
      await owner.query("begin");
      await create();
      const [waiting] = await startBlocked(one, () => one.grant(grant("1")));
      await owner.query("commit");
      await waiting;
      await one.query("commit");
      expect(await places()).toEqual({ [thisMonth.name]: 3 });
    },
  );

  it("events of transactions under way are waited for and moved, and later grants queue up", async () => {
    await one.query("begin");
    await one.grant(grant("1"));
    const [made] = await startBlocked(owner, () => create());
    const [queued] = await startBlocked(other, () => other.grant(grant("2")));
    await one.grant(grant("3"));
    await one.query("commit");
    expect(await made).toBe(thisMonth.name);
    await queued;
    expect(await places()).toEqual({ [thisMonth.name]: 5 });
  });

  it("who read the audit may go on to write: nobody waits in a circle", async () => {
    await one.query("begin");
    await one.rows("get_audit_events");
    const [made] = await startBlocked(owner, () => create());
    await one.grant(grant("1"));
    await one.rows("get_audit_events");
    await one.query("commit");
    expect(await made).toBe(thisMonth.name);
    expect(await places()).toEqual({ [thisMonth.name]: 3 });
  });

  it("another call for the same month waits and finds it there", async () => {
    const sessions = await Promise.all(Array.from({ length: 4 }, () => openSession(db.owner)));
    const results = await race(sessions.length, (index) => create(sessions[index]));
    const names = results.map((result) =>
      result.status === "fulfilled" ? result.value : String(result.reason),
    );
    expect(names.filter((name) => name !== null)).toEqual([thisMonth.name]);
  });
});

describe("while the partition of a month to come is made", () => {
  const later = { p_year: 2091, p_month: 7 };

  it("no transaction under way is waited for, and grants do not wait", async () => {
    await create();
    await one.query("begin");
    await one.grant(grant("1"));
    await owner.query("begin");
    expect(await owner.call("create_audit_partition", later)).toBe("audit_events_y2091m07");
    await other.grant(grant("2"));
    await one.grant(grant("3"));
    await one.query("commit");
    await owner.query("commit");
    expect(await places()).toEqual({ [thisMonth.name]: 5 });
  });

  it("grants that go to the default partition wait, and still go there", async () => {
    await owner.query("begin");
    await owner.call("create_audit_partition", later);
    const [waiting] = await startBlocked(one, () => one.grant(grant("1")));
    await owner.query("commit");
    await waiting;
    expect(await places()).toEqual({ audit_events_default: 3 });
  });
});

describe("while an old partition is dropped", () => {
  const old = { p_year: 2001, p_month: 1 };

  it("a grant waits, and does not fail", async () => {
    await create();
    await owner.call("create_audit_partition", old);
    await owner.query("begin");
    expect(await owner.call("drop_audit_partitions")).toBe("audit_events_y2001m01");
    const [waiting] = await startBlocked(one, () => one.grant(grant("1")));
    await owner.query("commit");
    await waiting;
    expect(await places()).toEqual({ [thisMonth.name]: 3 });
  });

  it("another call that drops it too waits, and drops nothing", async () => {
    await owner.call("create_audit_partition", old);
    await using second = await openSession(db.owner);
    await owner.query("begin");
    await owner.call("drop_audit_partitions");
    const [waiting] = await startBlocked(second, () => second.rows("drop_audit_partitions"));
    await owner.query("commit");
    expect(await waiting).toEqual([]);
  });
});

describe("a storm of grants, pages and revocations while partitions come and go", () => {
  it("fails not once, and each change is one event", async () => {
    const sessions = await Promise.all(
      Array.from({ length: 4 }, () => openSession(db.app, "acme")),
    );
    const upkeepEnds = new AbortController();
    const [upkeep, ...work] = await race(sessions.length + 1, async (index) => {
      if (index === 0) {
        try {
          for (let round = 0; round < 6; round += 1) {
            await owner.call("ensure_audit_partitions", { p_months_ahead: 3 + round });
            await owner.call("create_audit_partition", { p_year: 2001, p_month: round + 1 });
            await owner.rows("drop_audit_partitions");
            await unmake();
          }
        } finally {
          upkeepEnds.abort();
        }
        return 0;
      }
      const session = sessions[index - 1] as Session;
      let changes = 0;
      while (!upkeepEnds.signal.aborted || changes < 50) {
        await session.query("begin");
        if (changes % 3 === 0) await session.rows("get_audit_events");
        await session.grant(grant(`${index}-${changes}`));
        await session.revoke(grant(`${index}-${changes}`));
        await session.query("commit");
        changes += 2;
      }
      return changes;
    });
    expect(upkeep).toMatchObject({ status: "fulfilled" });
    const changes = work.map((result) =>
      result.status === "fulfilled" ? result.value : String(result.reason),
    );
    expect(changes).toEqual(changes.map(() => expect.any(Number) as number));
    const total = (changes as number[]).reduce((sum, count) => sum + count, 2);
    expect(await places()).toEqual({ audit_events_default: total });
    await create();
    expect(await places()).toEqual({ [thisMonth.name]: total });
  });
});
