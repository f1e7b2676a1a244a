import { migrate, status, verify } from "@postkit/core";
import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { held, openSession, refusalOf, type Session, present } from "./support/session.ts";

let db: TestDatabase;
let owner: Session;
let app: Session;

beforeEach(async () => {
  db = await createTestDatabase({ modules: [queue] });
  owner = await openSession(db.owner);
  app = await openSession(db.app, "acme");
});

afterEach(() => db.drop());

/** Names of the partitions, the default one last. */
async function partitions(): Promise<string[]> {
  const { rows } = await db.super.query<{ name: string }>(
    `select c.relname::text as name
     from pg_inherits i
     join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'queue.archive'::regclass
     order by pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', 1`,
  );
  return rows.map(({ name }) => name);
}

/** Names of the partitions of days from today on, by the server's clock in UTC. */
async function days(from: number, to: number): Promise<string[]> {
  const { rows } = await db.super.query<{ name: string }>(
    `select to_char((now() at time zone 'utc')::date + i, '"archive_y"YYYY"m"MM"d"DD') as name
     from generate_series($1::int, $2::int) i`,
    [from, to],
  );
  return rows.map(({ name }) => name);
}

let ids = 0;

/** Jobs that ended at some time, as only a superuser can write them. */
async function record(namespace: string, ...times: string[]): Promise<void> {
  for (const time of times) {
    ids += 1;
    await db.super.query(
      `insert into queue.archive (namespace, id, queue, status, priority, attempts, max_attempts, payload, created_at, finished_at)
       values ($1, $2, 'q', 'dead', 0, 1, 1, '{}', $3, $3)`,
      [namespace, ids, time],
    );
  }
}

/** How many jobs are in which partition. */
async function places(): Promise<Record<string, number>> {
  const { rows } = await db.super.query<{ partition: string; jobs: number }>(
    `select c.relname::text as partition, count(*)::int as jobs
     from queue.archive a
     join pg_class c on c.oid = a.tableoid
     group by 1`,
  );
  return Object.fromEntries(rows.map(({ partition, jobs }) => [partition, jobs]));
}

const create = (day: string | null, session = owner) =>
  session.call<string | null>("create_archive_partition", { p_day: day });

const list = async (name: string, session = owner) =>
  (await session.query<{ name: string }>(`select * from queue.${name} as name`)).rows.map(
    (row) => row.name,
  );

const keep = (
  retention: string | null,
  queueName: string | null = null,
  session = app,
  namespace = "acme",
) =>
  session.call("set_config", {
    p_namespace: namespace,
    p_queue: queueName,
    p_settings: JSON.stringify({ retention }),
  });

describe("an installation", () => {
  it("has partitions for today and the next seven days, and a default one", async () => {
    expect(await partitions()).toEqual([...(await days(0, 7)), "archive_default"]);
  });

  it("goes down and up again with jobs in every table and partitions of its own", async () => {
    await create("2001-01-05");
    await record("acme", "2001-01-05", "2002-01-01");
    await app.push("q", { p_unique_key: "k" });
    await app.push("q", { p_delay: "1 hour" });
    await app.push("q", { p_priority: 1 });
    await app.call("fail", held(await app.pull("q")));
    await app.pull("q");
    await app.push("q");
    await keep("1 day");
    await app.call("create_schedule", {
      p_namespace: "acme",
      p_name: "s",
      p_queue: "q",
      p_payload: "{}",
      p_cron_expression: "* * * * *",
    });
    await app.call("report_worker", {
      p_namespace: "acme",
      p_queues: ["q"],
      p_worker_id: "w",
      p_is_waiting: true,
    });
    await app[Symbol.asyncDispose]();
    expect(await verify(db.owner, { modules: [queue] })).toEqual([
      { module: "queue", findings: [] },
    ]);
    await migrate(db.owner, { modules: [queue], direction: "down", allowDataLoss: true });
    expect(await status(db.owner, { modules: [queue] })).toMatchObject([{ applied: [] }]);
    const { rows } = await db.super.query("select from pg_namespace where nspname = 'queue'");
    expect(rows).toEqual([]);
    await migrate(db.owner, { modules: [queue] });
    expect(await partitions()).toEqual([...(await days(0, 7)), "archive_default"]);
    await using again = await openSession(db.app, "acme");
    const id = await again.push("q");
    expect(await again.pull("q")).toMatchObject({ id, attempts: 1 });
  });

  it("refuses to go down without leave to lose data", async () => {
    await app.push("q");
    await expect(migrate(db.owner, { modules: [queue], direction: "down" })).rejects.toMatchObject({
      code: expect.stringContaining("DATA_LOSS"),
    });
    expect(await app.pull("q")).toMatchObject({ attempts: 1 });
  });
});

describe("create_archive_partition", () => {
  it("makes the partition of a day once, and says whether it did", async () => {
    expect(await create("2031-07-31")).toBe("archive_y2031m07d31");
    expect(await create("2031-07-31")).toBeNull();
    expect(await create("1970-01-01")).toBe("archive_y1970m01d01");
    expect(await create("9999-12-30")).toBe("archive_y9999m12d30");
  });

  it.each([null, "1969-12-31", "9999-12-31", "infinity"])("refuses the day %s", async (day) => {
    expect(await refusalOf(create(day))).toMatchObject({
      code: "VAL_DAY_OUT_OF_RANGE",
      sqlstate: "22023",
    });
  });

  it.each(["UTC", "Asia/Kathmandu", "America/Los_Angeles"])(
    "goes by days in UTC, whatever a session in %s shows",
    async (zone) => {
      await owner.query(`set timezone = '${zone}'; set datestyle = 'SQL, DMY'`);
      await create("2031-02-28");
      await record("acme", "2031-02-28 00:00:00+00", "2031-02-28 23:59:59.999999+00");
      await record("acme", "2031-02-27 23:59:59.999999+00", "2031-03-01 00:00:00+00");
      expect(await places()).toEqual({ archive_y2031m02d28: 2, archive_default: 2 });
    },
  );

  it("takes along the jobs of its day that fell into the default partition, of all tenants", async () => {
    await record("acme", "2031-02-28 12:00Z", "2031-03-01 12:00Z");
    await record("globex", "2031-02-28 13:00Z");
    expect(await places()).toEqual({ archive_default: 3 });
    await create("2031-02-28");
    expect(await places()).toEqual({ archive_y2031m02d28: 2, archive_default: 1 });
    expect(await app.rows("list_jobs", { p_namespace: "acme" })).toHaveLength(2);
  });

  it("keeps tenants apart in the new partition, and gives the application no way into it", async () => {
    await db.owner.query(
      `alter default privileges in schema queue grant select on tables to ${db.appRole}`,
    );
    await create("2031-02-28");
    await record("globex", "2031-02-28 12:00Z");
    expect((await app.query("select from queue.archive")).rowCount).toBe(0);
    expect(await refusalOf(app.query("select from queue.archive_y2031m02d28"))).toMatchObject({
      sqlstate: "42501",
    });
  });

  it("gives its caller no more than the partition: maintenance is as it was", async () => {
    await owner.query("begin");
    await create("2031-02-28");
    const { rows } = await owner.query(
      "select coalesce(current_setting('postkit.maintenance', true), '') as maintenance",
    );
    expect(rows).toEqual([{ maintenance: "" }]);
  });
});

describe("ensure_archive_partitions", () => {
  it("makes those that are missing, from today on", async () => {
    const [tomorrow] = await days(1, 1);
    await owner.query(`drop table queue.${tomorrow}`);
    expect(await list("ensure_archive_partitions()")).toEqual([tomorrow]);
    expect(await list("ensure_archive_partitions()")).toEqual([]);
    expect(await list("ensure_archive_partitions(9)")).toEqual(await days(8, 9));
  });

  it.each(["-1", "367", "null"])("refuses %s days", async (count) => {
    expect(await refusalOf(list(`ensure_archive_partitions(${count})`))).toMatchObject({
      code: "VAL_DAY_OUT_OF_RANGE",
    });
  });
});

describe("drop_archive_partitions", () => {
  const ago = async (count: number) => present((await days(-count, -count))[0]);
  const createAgo = async (count: number) => {
    const { rows } = await db.super.query<{ day: string }>(
      "select ((now() at time zone 'utc')::date - $1::int)::text as day",
      [count],
    );
    return create(present(rows[0]).day);
  };

  it("drops days whose every job is older than the longest retention that is set anywhere", async () => {
    for (const count of [20, 9, 8, 7, 6]) await createAgo(count);
    expect(await list("drop_archive_partitions()")).toEqual([
      await ago(20),
      await ago(9),
      await ago(8),
    ]);
    expect(await list("drop_archive_partitions()")).toEqual([]);
    expect(await partitions()).toEqual([
      ...(await days(-7, -6)),
      ...(await days(0, 7)),
      "archive_default",
    ]);
  });

  it("keeps what a single queue of a single tenant wants kept", async () => {
    await createAgo(20);
    await keep("30 days", "q");
    expect(await list("drop_archive_partitions()")).toEqual([]);
    await keep(null, "q");
    expect(await list("drop_archive_partitions()")).toEqual([await ago(20)]);
  });

  it("leaves the default partition and those that are not of a day", async () => {
    await owner.query(
      `create table queue.by_hand partition of queue.archive for values from ('2001-01-01') to ('2002-01-01')`,
    );
    await record("acme", "2000-01-01");
    expect(await list("drop_archive_partitions()")).toEqual([]);
    expect(await places()).toEqual({ archive_default: 1 });
  });
});

describe("a job that has ended", () => {
  it("goes into the partition of its day", async () => {
    await app.push("q");
    await app.call("fail", held(await app.pull("q")));
    expect(await places()).toEqual({ [present((await days(0, 0))[0])]: 1 });
  });

  it("is archived in the default partition where its day has none", async () => {
    const [today] = await days(0, 0);
    await owner.query(`drop table queue.${today}`);
    await app.push("q");
    const job = await app.pull("q");
    await app.call("fail", held(job));
    expect(await places()).toEqual({ archive_default: 1 });
    expect(await app.job(job.id)).toMatchObject({ status: "dead" });
  });

  it("cannot be changed or deleted by the application", async () => {
    for (const statement of [
      "update queue.archive set status = 'completed'",
      "delete from queue.archive",
      "truncate queue.archive",
    ]) {
      expect(await refusalOf(app.query(statement))).toMatchObject({ sqlstate: "42501" });
    }
  });
});
