import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { advanceTwice } from "./support/floors.ts";
import { pagesOf } from "./support/plans.ts";
import { openSession, type Session } from "./support/session.ts";

const jobs = Number(process.env["POSTKIT_TEST_JOBS"] ?? 200_000);
const batch = 1000;
const ofQueue = { p_namespace: "acme", p_queue: "q" };

let db: TestDatabase;
let app: Session;
let owner: Session;
let old: Session;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  app = await openSession(db.app, "acme");
  owner = await openSession(db.owner);
  old = await openSession(db.super);
  // Keeps every row that is deleted from now on, and has written something itself.
  await old.query("create table elsewhere (id int)");
  await old.query("begin isolation level repeatable read; insert into elsewhere values (1)");
  await old.query("select count(*) from queue.ready");
}, 60_000);

afterAll(() => db.drop());

describe(`while an old transaction keeps the rows of ${jobs} jobs that are done`, () => {
  beforeAll(async () => {
    const payloads = Array.from({ length: batch }, () => "{}");
    let settled: readonly unknown[] = [null, null];
    for (let count = 0; count < jobs / batch; count++) {
      await app.call("push_batch", { ...ofQueue, p_payloads: payloads, p_priority: count % 2 });
      settled = await exchange(settled);
      if (count % 5 === 0) await owner.rows("maintain");
    }
    await exchange(settled);
    await app.call("push_batch", { ...ofQueue, p_payloads: payloads.slice(0, 20) });
    for (let count = 0; count < 3; count++) await owner.rows("maintain");
  }, 300_000);

  /** Settles jobs and takes more; gives what to settle next. */
  async function exchange([ids, fences]: readonly unknown[]): Promise<readonly unknown[]> {
    const { rows } = await app.query<{ ids: unknown; fences: unknown }>(
      `select array_agg(j ->> 'id') as ids, array_agg(j ->> 'fence_token') as fences
       from json_array_elements(queue.settle_and_pull('acme', array['q'], $1, null, null, $2, $3) -> 'jobs') j`,
      [batch, ids, fences],
    );
    return [rows[0]?.ids, rows[0]?.fences];
  }

  it("keeps them indeed", async () => {
    const { rows } = await db.super.query<{ pages: number }>(
      "select (pg_relation_size('queue.ready') / 8192)::int as pages",
    );
    expect(rows[0]?.pages).toBeGreaterThan(jobs / 200);
  });

  it("a pull looks at few pages", async () => {
    const pull = "select * from queue.pull_batch('acme', 'q', 5)";
    // The first one reads what the server knows of tables as well.
    await app.query(pull);
    expect(await pagesOf(app, pull)).toBeLessThan(500);
  });

  it("a pull among jobs that are due looks at few pages", async () => {
    await app.push("q", { p_delay: "-1 hour", p_priority: 1 });
    await app.push("q", { p_delay: "-1 hour" });
    const pull = "select * from queue.pull_batch('acme', 'q', 1)";
    await app.query(pull);
    expect(await pagesOf(app, pull)).toBeLessThan(500);
  });

  it("maintenance looks at few pages", async () => {
    await owner.rows("maintain");
    expect(await pagesOf(owner, "select * from queue.maintain()")).toBeLessThan(1000);
  });

  it("maintenance looks at few pages to forget lanes that are empty", async () => {
    await db.super.query("update queue.lanes set created_at = created_at - interval '2 hours'");
    expect(await pagesOf(owner, "select * from queue.maintain()")).toBeLessThan(1000);
    const { rows } = await db.super.query("select rank from queue.lanes");
    expect(rows).toEqual([{ rank: 0 }]);
  });
});

describe("while an old transaction keeps leases whose time was over", () => {
  beforeAll(async () => {
    await db.super.query("delete from queue.leases");
    await db.super.query(
      `insert into queue.leases (
         namespace, id, fence, queue, priority, attempts, max_attempts, payload, worker_id, locked_at, expires_at,
         created_at
       )
       select 'acme', 10000000 + i, i, 'timed', 0, 1, 3, '{}', 'w', now(), now() - interval '1 hour', now()
       from generate_series(1, 50000) i;
       delete from queue.leases where queue = 'timed'`,
    );
    await owner.query("update queue.marks set expires_after = '-infinity'");
  });

  const expireAfter = async (seconds: number) => {
    const id = await app.push("fresh");
    const job = await app.pull("fresh");
    await app.query(
      "update queue.leases set expires_at = clock_timestamp() - make_interval(secs => $1) where id = $2",
      [seconds, job.id],
    );
    return id;
  };

  const firstDeadline = async () => {
    const { rows } = await db.super.query<{ after: string }>(
      "select expires_after::text as after from queue.marks order by id desc limit 1",
    );
    return rows[0]?.after;
  };

  it("maintenance passes over them, and finds those that run out later", async () => {
    await advanceTwice(owner);
    expect(await pagesOf(owner, "select * from queue.maintain()")).toBeLessThan(1000);
    const id = await expireAfter(5);
    expect(await owner.rows("maintain")).toMatchObject([{ timed_out: 1 }]);
    expect(await app.pull("fresh")).toMatchObject({ id });
  });

  it("looks at all of them every five minutes, so that it finds what is earlier than any should be", async () => {
    await advanceTwice(owner);
    await expireAfter(3000);
    expect(await owner.rows("maintain")).toMatchObject([{ timed_out: 0 }]);
    await db.super.query("update queue.marks set all_from = all_from - interval '6 minutes'");
    await owner.rows("maintain");
    expect(await owner.rows("maintain")).toMatchObject([{ timed_out: 1 }]);
  });

  it("tick_timeouts looks at all of them each time", async () => {
    await advanceTwice(owner);
    await expireAfter(3000);
    expect(await app.rows("tick_timeouts", { p_namespace: "acme" })).toHaveLength(1);
  });

  it("waits for those who took jobs in a transaction that is still open", async () => {
    await using other = await openSession(db.app, "acme");
    await other.push("fresh");
    await other.query("begin");
    const job = await other.pull("fresh");
    await other.query(
      "update queue.leases set expires_at = clock_timestamp() - interval '2 minutes' where id = $1",
      [job.id],
    );
    // The mark that is drawn now knows of it, those that were drawn before have nothing to do with it.
    await advanceTwice(owner);
    await db.super.query("update queue.marks set expires_after = '-infinity'");
    for (let count = 0; count < 3; count++) await advanceTwice(owner);
    expect(await firstDeadline()).toBe("-infinity");
    await other.query("commit");
    await advanceTwice(owner);
    expect(await owner.rows("maintain")).toMatchObject([{ timed_out: 1 }]);
  });

  it("never begins behind a lease that is there", async () => {
    await app.push("fresh");
    const job = await app.pull("fresh");
    await app.query(
      "update queue.leases set expires_at = clock_timestamp() - interval '1 day' where id = $1",
      [job.id],
    );
    await db.super.query("update queue.marks set expires_after = '-infinity'");
    await using holder = await openSession(db.app, "acme");
    await holder.query("begin");
    await holder.query("select from queue.leases where id = $1 for update", [job.id]);
    for (let count = 0; count < 3; count++) {
      expect(await owner.rows("maintain")).toMatchObject([{ timed_out: 0 }]);
    }
    await holder.query("rollback");
    expect(await owner.rows("maintain")).toMatchObject([{ timed_out: 1 }]);
  });
});
