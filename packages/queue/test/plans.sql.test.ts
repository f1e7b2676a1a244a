import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase, withClient } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import {
  nodesOf,
  openExplainedSession,
  rowsOf,
  type ExplainedSession,
  type PlanNode,
} from "./support/plans.ts";
import { present, type NamedArguments } from "./support/session.ts";

/**
 * In two tenants 100,000 ready jobs of three priorities, 200,000 of a higher priority that are not due, 20,000 that are
 * held, half of them for too long, and 20,000 each in the archive, of dead letters and of schedules. 10,000 other queues
 * have settings, lanes, floors and workers.
 */
const data = `
  insert into queue.ready (namespace, queue, rank, position, id, attempts, max_attempts, payload, created_at)
  select n, 'q', i % 3 - 1, i, i, 0, 3, '{}', now()
  from unnest(array['acme', 'globex']) n, generate_series(1, 50000) i;
  insert into queue.deferred (namespace, queue, priority, id, attempts, max_attempts, payload, run_at, created_at)
  select n, 'q', 10, 100000 + i, 0, 3, '{}', now() + make_interval(days => 1, secs => i), now()
  from unnest(array['acme', 'globex']) n, generate_series(1, 100000) i;
  insert into queue.leases (
    namespace, id, fence, queue, priority, attempts, max_attempts, payload, worker_id, locked_at, expires_at, created_at
  )
  select n, 300000 + i, i, 'q', 0, 1, 3, '{}', 'w', now(),
    now() + make_interval(secs => case when i <= 5000 then i - 10000 else 3600 end), now()
  from unnest(array['acme', 'globex']) n, generate_series(1, 10000) i;
  insert into queue.unique_keys (namespace, queue, key, job_id)
  select n, 'q', 'k' || i, i
  from unnest(array['acme', 'globex']) n, generate_series(1, 10000) i;
  insert into queue.archive (
    namespace, id, queue, status, priority, attempts, max_attempts, payload, created_at, finished_at
  )
  select n, 400000 + i, 'q', 'completed', 0, 1, 3, '{}', now(), now()
  from unnest(array['acme', 'globex']) n, generate_series(1, 10000) i;
  insert into queue.dead_letters (
    namespace, original_job_id, queue, priority, attempts, max_attempts, payload, reason_code, failed_at
  )
  select n, i, 'q', 0, 3, 3, '{}', 'failed', now() - make_interval(secs => i)
  from unnest(array['acme', 'globex']) n, generate_series(1, 10000) i;
  insert into queue.schedules (namespace, name, queue, payload, every_interval, next_run_at)
  select n, 's' || i, 'q', '{}', '1 day', now() + make_interval(secs => case when i <= 5000 then -i else i end)
  from unnest(array['acme', 'globex']) n, generate_series(1, 10000) i;
  insert into queue.config (namespace, queue, default_max_attempts)
  select n, 'q' || i, 5
  from unnest(array['acme', 'globex']) n, generate_series(1, 5000) i;
  insert into queue.lanes (namespace, queue, rank, id)
  select n, 'q' || i, 0, i
  from unnest(array['acme', 'globex']) n, generate_series(1, 5000) i;
  insert into queue.floors (namespace, queue, from_ranks, from_positions, to_ranks, to_positions)
  select n, 'q' || i, '{-2147483648}', '{0}', '{2147483647}', '{10}'
  from unnest(array['acme', 'globex']) n, generate_series(1, 5000) i;
  insert into queue.workers (namespace, queue, worker_id, is_waiting, seen_at)
  select n, 'q' || i, 'w', true, now()
  from unnest(array['acme', 'globex']) n, generate_series(1, 5000) i;
  select setval('queue.job_id_seq', 1000000), setval('queue.fence_token_seq', 1000000);`;

/** What is looked up beside the jobs, a few rows of a queue at most. */
const aside = ["config", "lanes", "floors", "workers"];
const asideRowsMax = 10;

const tables = [
  "ready",
  "deferred",
  "leases",
  "unique_keys",
  "archive",
  "dead_letters",
  "schedules",
  ...aside,
];

const held = (id: number): NamedArguments => ({ p_job_id: 300_000 + id, p_fence: id });
const heldTogether = (from: number, to: number): NamedArguments => {
  const fences = Array.from({ length: to - from }, (_, index) => from + index);
  return { p_job_ids: fences.map((fence) => 300_000 + fence), p_fences: fences };
};

/** Jobs with keys, some of which are taken, with delays and with neither. */
const manyJobs = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    queue: index % 2 === 0 ? "q" : "r",
    payload: index,
    ...(index % 3 === 0 && { unique_key: `k${index}` }),
    ...(index % 4 === 0 && { delay: "1 hour" }),
  }));

/** What is called, and how many rows of one table it may look at. */
const calls: readonly (readonly [title: string, name: string, NamedArguments, rowsMax: number])[] =
  [
    ["push", "push", { p_queue: "q", p_payload: "{}" }, 1],
    ["push with a delay", "push", { p_queue: "q", p_payload: "{}", p_delay: "1 hour" }, 1],
    ["push with a key", "push", { p_queue: "q", p_payload: "{}", p_unique_key: "new" }, 1],
    [
      "push with a key that is taken",
      "push",
      { p_queue: "q", p_payload: "{}", p_unique_key: "k7" },
      1,
    ],
    ["push_batch", "push_batch", { p_queue: "q", p_payloads: ["{}", "{}"] }, 2],
    ["push_many", "push_many", { p_jobs: '[{"queue": "q", "payload": 1}]' }, 1],
    ["push_many of all kinds", "push_many", { p_jobs: JSON.stringify(manyJobs(8)) }, 8],
    ["pull", "pull", { p_queue: "q" }, 2],
    ["pull_batch", "pull_batch", { p_queue: "q", p_limit: 100 }, 200],
    ["pull_any", "pull_any", { p_queues: ["none", "q"] }, 2],
    [
      "settle_and_pull",
      "settle_and_pull",
      { p_queues: ["q"], p_limit: 50, ...heldTogether(6000, 6050) },
      100,
    ],
    ["ack", "ack", held(6000), 2],
    ["ack_batch", "ack_batch", heldTogether(6000, 6100), 200],
    ["nack", "nack", held(6000), 2],
    ["fail", "fail", held(6000), 2],
    ["release", "release", held(6000), 2],
    ["extend_visibility", "extend_visibility", { ...held(6000), p_extension: "1 minute" }, 2],
    [
      "heartbeat_batch",
      "heartbeat_batch",
      { ...heldTogether(6000, 6100), p_timeout: "1 minute" },
      200,
    ],
    [
      "settle_batch",
      "settle_batch",
      { ...heldTogether(6000, 6004), p_outcomes: ["ack", "nack", "fail", "release"] },
      20,
    ],
    // The deadlines of all tenants are in one index: it passes by those of others.
    ["tick_timeouts", "tick_timeouts", { p_limit: 100 }, 300],
    ["tick_schedules", "tick_schedules", { p_limit: 20 }, 40],
    ["cancel of a ready job", "cancel", { p_job_id: 40_000 }, 10],
    ["cancel of a deferred job", "cancel", { p_job_id: 150_000 }, 10],
    ["cancel of a job that runs", "cancel", { p_job_id: 306_000 }, 10],
    ["request_cancel", "request_cancel", { p_job_id: 306_000 }, 20],
    ["get_job of a ready job", "get_job", { p_job_id: 40_000 }, 10],
    ["get_job of a deferred job", "get_job", { p_job_id: 150_000 }, 10],
    ["get_job of a job that runs", "get_job", { p_job_id: 306_000 }, 10],
    ["get_job of a job that ended", "get_job", { p_job_id: 406_000 }, 10],
    ["get_job of a job that never was", "get_job", { p_job_id: 999_999 }, 10],
    ["list_jobs", "list_jobs", { p_limit: 10 }, 40],
    [
      "list_jobs of a queue that are pending",
      "list_jobs",
      { p_queue: "q", p_status: "pending", p_limit: 10 },
      // A thousand tell whether it is worth while to read them all.
      1010,
    ],
    ["list_jobs further on", "list_jobs", { p_limit: 10, p_cursor: 405_000 }, 40],
    // The held ones of other queues are passed by: there are no more than workers have.
    ["list_jobs of an empty queue", "list_jobs", { p_queue: "none", p_limit: 10 }, 10_000],
    [
      "list_jobs of an empty queue that are pending",
      "list_jobs",
      { p_queue: "none", p_status: "pending", p_limit: 10 },
      10,
    ],
    [
      "list_jobs of an empty queue that are dead",
      "list_jobs",
      { p_queue: "none", p_status: "dead", p_limit: 10 },
      10,
    ],
    ["list_dead_letters", "list_dead_letters", { p_limit: 10 }, 10],
    ["list_dead_letters of a queue", "list_dead_letters", { p_queue: "q", p_limit: 10 }, 10],
    ["retry_dead_letter", "retry_dead_letter", { p_dead_letter_id: 500 }, 2],
    ["retry_dead_letters", "retry_dead_letters", { p_queue: "q", p_limit: 10 }, 20],
    ["list_dead_letters of an empty queue", "list_dead_letters", { p_queue: "none" }, 0],
    ["list_schedules", "list_schedules", { p_limit: 10 }, 10],
    ["get_schedule", "get_schedule", { p_name: "s500" }, 1],
    ["next_due", "next_due", { p_queues: ["q"] }, 1],
  ];

let db: TestDatabase;
/** Planned everything while the tables were empty. */
let early: ExplainedSession;
/** Plans with full tables of which there are no statistics, as right after a great many pushes. */
let unaware: ExplainedSession;
/** Plans with statistics of the full tables. */
let late: ExplainedSession;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  // Statistics of a full table would have the early session plan anew.
  await db.super.query(
    tables
      .map(
        (table) =>
          `alter table queue.${table === "archive" ? "archive_default" : table} set (autovacuum_enabled = off);`,
      )
      .join(""),
  );
  early = await openExplainedSession(db, "acme");
  for (const [, name, args] of calls) {
    await early.query("begin");
    await early.rows(name, { p_namespace: "acme", ...args }).catch(() => {});
    await early.query("rollback");
  }
  await plannedWithJobs();
  await withClient(db.superUrl, (root) => root.query(data));
  unaware = await openExplainedSession(db, "acme");
}, 120_000);

afterAll(() => db.drop());

/** Calls that came to their last statements only when there was something for them. */
async function plannedWithJobs(): Promise<void> {
  const ofTenant = { p_namespace: "acme" };
  await early.query("begin");
  for (let count = 0; count < 8; count++) await early.push("q", { p_unique_key: `early ${count}` });
  await early.push("q", { p_delay: "-1 hour" });
  for (const name of ["ack", "nack", "fail", "release"]) {
    const job = await early.pull("q");
    await early.call(name, { ...ofTenant, p_job_id: job.id, p_fence: job.fence_token });
  }
  const jobs = await early.rows<{ id: string; fence_token: string }>("pull_batch", {
    ...ofTenant,
    p_queue: "q",
  });
  const all = {
    ...ofTenant,
    p_job_ids: jobs.map(({ id }) => id),
    p_fences: jobs.map(({ fence_token: fence }) => fence),
  };
  await early.rows("heartbeat_batch", { ...all, p_timeout: "1 second" });
  await early.rows("settle_batch", { ...all, p_outcomes: jobs.map(() => "release") });
  await early.expire((await early.pull("q")).id);
  await early.rows("tick_timeouts", ofTenant);
  await early.query("rollback");
}

/** The scans of each table, with the nodes that sort what comes right out of one. */
async function look(session: ExplainedSession, name: string, args: NamedArguments) {
  await session.query("begin");
  session.takePlans();
  await session.rows(name, { p_namespace: "acme", ...args });
  const nodes = session.takePlans().flatMap(({ Plan: plan }) => nodesOf(plan));
  await session.query("rollback");
  const scans = nodes.filter(
    (node) => tableOf(node) !== undefined && node["Node Type"].includes("Scan"),
  );
  const sorts = nodes.filter((node) => node["Node Type"].includes("Sort"));
  return { scans, sorts };
}

function tableOf(node: PlanNode): string | undefined {
  const name = node["Relation Name"] ?? node["Index Name"];
  return tables.find((table) => name === table || name?.startsWith(`${table}_`));
}

describe.each([
  ["planned on empty tables", () => early],
  ["planned without statistics", () => unaware],
  ["planned with statistics", () => late],
] as const)(
  "with 380,000 jobs, as the application role, with plans for any value, %s,",
  (_, sessionOf) => {
    beforeAll(async () => {
      if (late || [early, unaware].includes(sessionOf())) return;
      await withClient(db.superUrl, (root) =>
        root.query(`vacuum analyze queue.${tables.join(", queue.")}`),
      );
      late = await openExplainedSession(db, "acme");
    }, 120_000);

    it.each(calls)(
      "%s reads by index no more rows than it is about",
      async (_title, name, args, rowsMax) => {
        const { scans, sorts } = await look(sessionOf(), name, args);
        const read = new Map<string, number>();
        for (const scan of scans) {
          expect([scan["Node Type"], tableOf(scan)]).not.toEqual([
            "Seq Scan",
            expect.stringMatching(
              /^(ready|deferred|leases|unique_keys|dead_letters|config|lanes|floors|workers)$/,
            ),
          ]);
          const table = present(tableOf(scan));
          read.set(table, (read.get(table) ?? 0) + rowsOf(scan));
        }
        for (const [table, rows] of read) {
          const most = aside.includes(table) ? Math.max(rowsMax, asideRowsMax) : rowsMax;
          expect([table, rows, rows <= most]).toEqual([table, rows, true]);
        }
        for (const sort of sorts) expect(rowsOf(sort)).toBeLessThanOrEqual(Math.max(rowsMax, 100));
      },
    );

    it("pull_batch claims all its jobs in one statement", async () => {
      const session = sessionOf();
      await session.query("begin");
      // The first pull from a queue notes its lanes as well.
      await session.rows("pull_batch", { p_namespace: "acme", p_queue: "q", p_limit: 100 });
      session.takePlans();
      await session.rows("pull_batch", { p_namespace: "acme", p_queue: "q", p_limit: 100 });
      const writes = session
        .takePlans()
        .filter(({ Plan: plan }) =>
          nodesOf(plan).some((node) => node["Node Type"] === "ModifyTable"),
        );
      await session.query("rollback");
      expect(writes).toHaveLength(1);
    });

    it("push_many takes as many statements for 1,000 jobs as for ten", async () => {
      const session = sessionOf();
      const statements = async (count: number) => {
        await session.query("begin");
        session.takePlans();
        await session.call("push_many", {
          p_namespace: "acme",
          p_jobs: JSON.stringify(manyJobs(count)),
        });
        const taken = session.takePlans().length;
        await session.query("rollback");
        return taken;
      };
      expect(await statements(1000)).toBe(await statements(10));
    });

    it("pull with jobs that are due reads no more than it may pass over", async () => {
      const session = sessionOf();
      await session.query("begin");
      for (let count = 0; count < 3; count++)
        await session.push("q", { p_delay: "-1 hour", p_priority: 20 - count });
      session.takePlans();
      await session.rows("pull_batch", { p_namespace: "acme", p_queue: "q", p_limit: 10 });
      const scans = session
        .takePlans()
        .flatMap(({ Plan: plan }) => nodesOf(plan))
        .filter((node) => tableOf(node) !== undefined && node["Node Type"].includes("Scan"));
      await session.query("rollback");
      expect(scans.filter((scan) => scan["Node Type"] === "Seq Scan")).toEqual([]);
      for (const scan of scans) expect(rowsOf(scan)).toBeLessThanOrEqual(120);
    });

    it("tick_timeouts has an upper bound for the deadline in its index condition", async () => {
      const { scans } = await look(sessionOf(), "tick_timeouts", { p_limit: 100 });
      const byDeadline = scans.filter((scan) => scan["Index Name"] === "leases_expires_at_idx");
      expect(byDeadline.length).toBeGreaterThan(0);
      for (const scan of byDeadline) expect(scan["Index Cond"]).toMatch(/expires_at <= /);
    });
  },
);
