import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import {
  held,
  heldTogether,
  openSession,
  refusalOf,
  type HeldJob,
  type Job,
  type NamedArguments,
  type Session,
  present,
} from "./support/session.ts";

let db: TestDatabase;
let app: Session;
let tenant: string;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(async () => {
  tests += 1;
  tenant = `tenant ${tests}`;
  const session = await openSession(db.app, tenant);
  app = session;
  return () => session[Symbol.asyncDispose]();
});

const ofTenant = (args: NamedArguments = {}): NamedArguments => ({ p_namespace: tenant, ...args });

async function pulled(args: NamedArguments = {}): Promise<HeldJob> {
  await app.push("q", args);
  return app.pull("q");
}

const configure = (settings: object, queueName: string | null = null) =>
  app.call("set_config", ofTenant({ p_queue: queueName, p_settings: JSON.stringify(settings) }));

/** How long a job is held, as PostgreSQL writes it. */
async function visibilityOf(id: string): Promise<string | undefined> {
  const { rows } = await app.query<{ visibility: string }>(
    `select (j.visibility_timeout_at - j.locked_at)::text as visibility from queue.get_job($1, $2) j`,
    [tenant, id],
  );
  return rows[0]?.visibility;
}

describe("pull", () => {
  it("hands out a job with all that was known of it, and what it now is", async () => {
    const id = await app.push("q", {
      p_payload: '{"a": 1}',
      p_priority: 7,
      p_unique_key: "k",
      p_tags: ["x"],
      p_metadata: '{"m": 1}',
    });
    const before = await app.job(id);
    const [job] = await app.rows<Job>("pull", ofTenant({ p_queue: "q", p_worker_id: "w-1" }));
    expect(job).toEqual({
      ...before,
      status: "running",
      attempts: 1,
      locked_by: "w-1",
      locked_at: expect.any(Date),
      visibility_timeout_at: expect.any(Date),
      fence_token: expect.stringMatching(/^\d+$/),
      updated_at: job?.locked_at,
    });
    expect(await app.job(id)).toEqual(job);
  });

  it("gives nothing from a queue that has none, or none that is due", async () => {
    await app.push("q", { p_delay: "1 hour" });
    for (const name of ["q", "none"]) {
      expect(await app.rows("pull", ofTenant({ p_queue: name }))).toEqual([]);
    }
  });

  it.each([null, ""])("calls a worker whose name is %j anonymous", async (worker) => {
    await app.push("q");
    expect(await app.pull("q", { p_worker_id: worker })).toMatchObject({ locked_by: "anonymous" });
  });

  it("holds a job for as long as is asked, else as the queue's, the namespace's or the global settings say", async () => {
    expect(await visibilityOf((await pulled()).id)).toBe("00:05:00");
    await configure({ default_visibility_timeout: "2 hours" });
    expect(await visibilityOf((await pulled()).id)).toBe("02:00:00");
    await configure({ default_visibility_timeout: "7 seconds" }, "q");
    expect(await visibilityOf((await pulled()).id)).toBe("00:00:07");
    await app.push("q");
    const { id } = await app.pull("q", { p_visibility_timeout: "1 millisecond" });
    expect(await visibilityOf(id)).toBe("00:00:00.001");
  });

  it("hands out jobs of one priority by their times, not by who was first to commit", async () => {
    await using other = await openSession(db.app, tenant);
    await other.query("begin");
    await other.query("select now()");
    const newer = await app.push("q");
    const older = await other.push("q");
    await other.query("commit");
    const jobs = await app.rows<Job>("pull_batch", ofTenant({ p_queue: "q" }));
    expect(jobs.map(({ id }) => id)).toEqual([older, newer]);
  });

  it("gives each job a fence of its own, higher than all before", async () => {
    await app.call("push_batch", ofTenant({ p_queue: "q", p_payloads: ["1", "2", "3"] }));
    const jobs = await app.rows<Job>("pull_batch", ofTenant({ p_queue: "q" }));
    const fences = jobs.map(({ fence_token: fence }) => Number(fence));
    expect(fences).toEqual([...fences].sort((left, right) => left - right));
    expect(new Set(fences).size).toBe(3);
    await app.call("release", held(present(jobs[0])));
    expect(Number((await app.pull("q")).fence_token)).toBeGreaterThan(Math.max(...fences));
  });

  it("takes up to 10 jobs as a batch unless told", async () => {
    const payloads = Array.from({ length: 12 }, () => "{}");
    await app.call("push_batch", ofTenant({ p_queue: "q", p_payloads: payloads }));
    expect(await app.rows("pull_batch", ofTenant({ p_queue: "q" }))).toHaveLength(10);
    expect(await app.rows("pull_batch", ofTenant({ p_queue: "q" }))).toHaveLength(2);
  });

  it("is one statement of one moment for a whole batch", async () => {
    await app.call("push_batch", ofTenant({ p_queue: "q", p_payloads: ["1", "2"] }));
    await app.push("q", { p_delay: "-1 second" });
    const jobs = await app.rows<Job>("pull_batch", ofTenant({ p_queue: "q" }));
    expect(new Set(jobs.map(({ locked_at: at }) => at?.getTime())).size).toBe(1);
    const { rows } = await app.query("select distinct xmin::text from queue.leases");
    expect(rows).toHaveLength(1);
  });
});

describe("jobs that came back", () => {
  it.each([
    ["one by one", 1, null],
    ["together", 2, null],
    ["one by one, another being due", 1, "-1 second"],
    ["together, another being due", 2, "-1 second"],
  ])("are taken in the order in which they did, %s", async (_, p_limit, p_delay) => {
    await app.call("push_batch", ofTenant({ p_queue: "q", p_payloads: ["1", "2"] }));
    const jobs = await app.rows<HeldJob>("pull_batch", ofTenant({ p_queue: "q" }));
    await app.push("q", { p_delay });
    for (const job of jobs.toReversed()) await app.call("release", held(job));
    const taken: Job[] = [];
    while (taken.length < 2) {
      taken.push(...(await app.rows<Job>("pull_batch", ofTenant({ p_queue: "q", p_limit }))));
    }
    expect(taken.map(({ payload }) => payload)).toEqual([2, 1]);
  });
});

describe("pull_any", () => {
  it.each([
    ["null", null],
    ["empty", []],
  ])("gives nothing of a list that is %s", async (_, queues) => {
    await app.push("q");
    expect(await app.rows("pull_any", ofTenant({ p_queues: queues }))).toEqual([]);
  });

  it("takes 1,000 names and refuses 1,001", async () => {
    const names = Array.from({ length: 1001 }, (_, index) => `q${index}`);
    await app.push("q999");
    expect(await refusalOf(app.rows("pull_any", ofTenant({ p_queues: names })))).toMatchObject({
      code: "VAL_BATCH_TOO_LARGE",
    });
    const found = await app.rows<Job>("pull_any", ofTenant({ p_queues: names.slice(0, 1000) }));
    expect(found).toMatchObject([{ queue: "q999" }]);
  });

  it("validates each of the names", async () => {
    for (const [name, code] of [
      ["", "VAL_QUEUE_EMPTY"],
      [null, "VAL_QUEUE_NULL"],
      ["q ", "VAL_QUEUE_WHITESPACE"],
    ]) {
      const work = app.rows("pull_any", ofTenant({ p_queues: ["q", name] }));
      expect(await refusalOf(work)).toMatchObject({ code });
    }
  });

  it("passes over a queue that is paused", async () => {
    await app.push("a");
    await app.push("b");
    await app.call("pause_queue", ofTenant({ p_queue: "a" }));
    const found = await app.rows<Job>("pull_any", ofTenant({ p_queues: ["a", "b"] }));
    expect(found).toMatchObject([{ queue: "b" }]);
  });
});

describe("extend_visibility", () => {
  it("adds to the deadline there was, not to now", async () => {
    const job = await pulled();
    for (let count = 0; count < 2; count++) {
      expect(await app.call("extend_visibility", { ...held(job), p_extension: "1 hour" })).toBe(
        true,
      );
    }
    expect(await visibilityOf(job.id)).toBe("02:05:00");
  });

  it.each([null, "0", "-1 second"])("refuses %s", async (extension) => {
    const job = await pulled();
    const work = app.call("extend_visibility", { ...held(job), p_extension: extension });
    expect(await refusalOf(work)).toMatchObject({ code: "VAL_EXTENSION_POSITIVE" });
    expect(await visibilityOf(job.id)).toBe("00:05:00");
  });
});

describe("ack", () => {
  it("ends a job so that nothing of it is left", async () => {
    const job = await pulled({ p_unique_key: "k" });
    expect(await app.call("ack", held(job))).toBe(true);
    expect(await app.job(job.id)).toBeUndefined();
    expect((await app.query("select from queue.unique_keys")).rowCount).toBe(0);
  });

  it("counts those of a batch, of several queues", async () => {
    await app.push("a", { p_unique_key: "k" });
    await app.push("b");
    const jobs = [await app.pull("a"), await app.pull("b")];
    expect(await app.call("ack_batch", heldTogether(jobs.toReversed()))).toBe(2);
    expect((await app.query("select from queue.jobs")).rowCount).toBe(0);
    expect((await app.query("select from queue.unique_keys")).rowCount).toBe(0);
  });

  it("keeps only the jobs of queues that archive", async () => {
    await configure({ archive_completed: true }, "a");
    await app.push("a");
    await app.push("b");
    const jobs = [await app.pull("a"), await app.pull("b")];
    await app.call("ack_batch", heldTogether(jobs));
    const { rows } = await app.query("select id, status from queue.jobs");
    expect(rows).toEqual([{ id: jobs[0]?.id, status: "completed" }]);
  });
});

describe("nack", () => {
  it("puts a job back for later, with the error and its key", async () => {
    const job = await pulled({ p_unique_key: "k", p_tags: ["t"] });
    expect(await app.call("nack", { ...held(job), p_error: "first" })).toBe(true);
    const { rows } = await app.query<{ waits: boolean }>(
      "select run_at > now() as waits from queue.deferred",
    );
    expect(rows).toEqual([{ waits: true }]);
    expect(await app.job(job.id)).toMatchObject({
      status: "pending",
      attempts: 1,
      error: "first",
      unique_key: "k",
      tags: ["t"],
      locked_by: null,
    });
    expect(await app.rows("pull", ofTenant({ p_queue: "q" }))).toEqual([]);
  });

  it("overwrites the error, also by none", async () => {
    const first = await pulled();
    await app.call("nack", { ...held(first), p_error: "first", p_backoff: "0" });
    const second = await app.pull("q");
    expect(second.error).toBe("first");
    await app.call("nack", { ...held(second), p_backoff: "0" });
    expect(await app.job(first.id)).toMatchObject({ error: null, attempts: 2 });
  });

  it("ends among the dead letters with the last error when attempts are used up", async () => {
    const job = await pulled({ p_max_attempts: 1 });
    expect(await app.call("nack", { ...held(job), p_error: "last" })).toBe(false);
    expect(await app.job(job.id)).toMatchObject({
      status: "dead",
      error: "last",
      completed_at: expect.any(Date),
      fence_token: null,
    });
  });

  it.each([
    ["linear", { backoff_kind: "linear", backoff_base: "10 seconds" }, ["00:00:10", "00:00:20"]],
    ["constant", { backoff_kind: "constant", backoff_base: "3 seconds" }, ["00:00:03", "00:00:03"]],
    [
      "by a factor",
      { backoff_base: "1 second", backoff_factor: 10, backoff_max: "5 seconds" },
      ["00:00:01", "00:00:05"],
    ],
  ])("waits %s when the queue says so", async (_, settings, delays) => {
    await configure(settings, "q");
    await app.push("q");
    for (const delay of delays) {
      const job = await app.pull("q");
      await app.call("nack", held(job));
      const { rows } = await app.query(
        `with due as (update queue.deferred set run_at = now() returning id)
         select (d.run_at - d.updated_at)::text as delay from queue.deferred d, due`,
      );
      expect(rows).toEqual([{ delay }]);
    }
  });

  it("leaves to chance what share of the wait the queue says", async () => {
    await configure({ backoff_base: "100 seconds", backoff_jitter: 0.5 }, "q");
    const payloads = Array.from({ length: 50 }, () => "{}");
    await app.call("push_batch", ofTenant({ p_queue: "q", p_payloads: payloads }));
    const jobs = await app.rows<Job>("pull_batch", ofTenant({ p_queue: "q", p_limit: 50 }));
    for (const job of jobs) await app.call("nack", held(job));
    const { rows } = await app.query<{ delay: number }>(
      "select extract(epoch from run_at - updated_at)::float8 as delay from queue.deferred",
    );
    const delays = rows.map(({ delay }) => delay);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(50);
    expect(Math.max(...delays)).toBeLessThanOrEqual(100);
    expect(new Set(delays).size).toBeGreaterThan(40);
  });
});

describe("fail", () => {
  it("makes a dead letter whatever attempts are left", async () => {
    const job = await pulled({ p_max_attempts: 30 });
    expect(await app.call("fail", { ...held(job), p_error: "no" })).toBe(true);
    expect(await app.job(job.id)).toMatchObject({ status: "dead", attempts: 1, error: "no" });
  });

  it("keeps the error that there was when it has none", async () => {
    const first = await pulled();
    await app.call("nack", { ...held(first), p_error: "first", p_backoff: "0" });
    await app.call("fail", held(await app.pull("q")));
    expect(await app.rows("list_dead_letters", ofTenant())).toMatchObject([
      { last_error: "first" },
    ]);
  });
});

describe("release", () => {
  it("gives a job back at once, with its time and its attempt", async () => {
    const id = await app.push("q", { p_delay: "-1 hour" });
    const before = await app.job(id);
    const job = await app.pull("q");
    expect(await app.call("release", held(job))).toBe(true);
    expect(await app.job(id)).toEqual({ ...before, attempts: 1, updated_at: expect.any(Date) });
    expect(await app.pull("q")).toMatchObject({ id, attempts: 2 });
  });

  it("gives the attempt back when asked", async () => {
    const job = await pulled();
    await app.call("release", { ...held(job), p_count_attempt: false });
    expect(await app.job(job.id)).toMatchObject({ attempts: 0 });
    expect(await app.pull("q")).toMatchObject({ id: job.id, attempts: 1 });
  });

  it("keeps the error of the attempt before", async () => {
    const first = await pulled();
    await app.call("nack", { ...held(first), p_error: "first", p_backoff: "0" });
    await app.call("release", held(await app.pull("q")));
    expect(await app.job(first.id)).toMatchObject({ error: "first" });
  });

  it("hands out a job again whose attempts are used up", async () => {
    const job = await pulled({ p_max_attempts: 1 });
    await app.call("release", held(job));
    expect(await app.pull("q")).toMatchObject({ id: job.id, attempts: 2, max_attempts: 1 });
  });
});

describe("heartbeat_batch", () => {
  it("gives each job that is held its time anew from now, and tells which are not", async () => {
    const [kept, expired, gone] = [await pulled(), await pulled(), await pulled()];
    await app.expire(expired.id);
    await app.call("ack", held(gone));
    const rows = await app.rows("heartbeat_batch", {
      ...heldTogether([kept, expired, gone]),
      p_timeout: "1 day",
    });
    expect(new Set(rows)).toEqual(
      new Set([
        { job_id: kept.id, status: "held" },
        { job_id: expired.id, status: "stale" },
        { job_id: gone.id, status: "stale" },
      ]),
    );
    const { rows: deadlines } = await app.query<{ exact: boolean }>(
      `select l.expires_at = l.updated_at + interval '1 day' as exact from queue.leases l where l.id = $1`,
      [kept.id],
    );
    expect(deadlines).toEqual([{ exact: true }]);
    expect((await app.job(expired.id))?.visibility_timeout_at?.getTime()).toBeLessThan(Date.now());
  });

  it("can make the time shorter", async () => {
    const job = await pulled();
    await app.rows("heartbeat_batch", { ...heldTogether([job]), p_timeout: "1 second" });
    const after = await app.job(job.id);
    expect(present(present(after).visibility_timeout_at).getTime()).toBeLessThan(
      present(job.visibility_timeout_at).getTime(),
    );
  });

  it("of no jobs tells nothing", async () => {
    for (const ids of [null, []]) {
      const args = { p_job_ids: ids, p_fences: ids, p_timeout: "1 second" };
      expect(await app.rows("heartbeat_batch", ofTenant(args))).toEqual([]);
    }
  });
});

describe("settle_batch", () => {
  const settle = (jobs: readonly Job[], outcomes: string[], rest: NamedArguments = {}) =>
    app.rows<{ job_id: string; status: string }>("settle_batch", {
      ...heldTogether(jobs),
      p_outcomes: outcomes,
      ...rest,
    });

  it("settles each job in its own way, whatever becomes of the others", async () => {
    const outcomes = [
      "ack",
      "nack",
      "nack",
      "fail",
      "release",
      "release_uncounted",
      "cancel",
      "ack",
    ];
    const jobs: HeldJob[] = [];
    for (const index of outcomes.keys()) {
      jobs.push(await pulled({ p_max_attempts: index === 2 ? 1 : 3, p_unique_key: `k${index}` }));
    }
    await app.expire(present(jobs[7]).id);
    const errors = outcomes.map((outcome) => `${outcome} error`);
    const delays = outcomes.map(() => "1 minute");
    const rows = await settle(jobs, outcomes, { p_errors: errors, p_delays: delays });
    const statuses = new Map(rows.map(({ job_id: id, status }) => [id, status]));
    expect(jobs.map(({ id }) => statuses.get(id))).toEqual([
      "ok",
      "ok",
      "dead",
      "ok",
      "ok",
      "ok",
      "ok",
      "stale",
    ]);
    const after: (Job | undefined)[] = [];
    for (const { id } of jobs) after.push(await app.job(id));
    expect(after).toMatchObject([
      undefined,
      { status: "pending", error: "nack error", attempts: 1 },
      { status: "dead", error: "nack error" },
      { status: "dead", error: "fail error" },
      { status: "pending", error: null, attempts: 1 },
      { status: "pending", error: null, attempts: 0 },
      undefined,
      { status: "running" },
    ]);
    expect(present(after[1]).scheduled_at.getTime() - present(after[1]).updated_at.getTime()).toBe(
      60_000,
    );
    const keys = await app.query<{ key: string }>("select key from queue.unique_keys order by key");
    expect(keys.rows.map(({ key }) => key)).toEqual(["k1", "k4", "k5", "k7"]);
  });

  it("tells of batches of acks alone what it tells of mixed ones", async () => {
    const [done, stale] = [await pulled(), await pulled()];
    await app.expire(stale.id);
    expect(new Set(await settle([stale, done], ["ack", "ack"]))).toEqual(
      new Set([
        { job_id: done.id, status: "ok" },
        { job_id: stale.id, status: "stale" },
      ]),
    );
    expect([await app.job(done.id), (await app.job(stale.id))?.status]).toEqual([
      undefined,
      "running",
    ]);
  });

  it("of no jobs tells nothing", async () => {
    const args = { p_job_ids: [], p_fences: [], p_outcomes: [] };
    expect(await app.rows("settle_batch", ofTenant(args))).toEqual([]);
  });

  it("takes 1,000 jobs and refuses 1,001", async () => {
    const payloads = Array.from({ length: 1000 }, () => "{}");
    await app.call("push_batch", ofTenant({ p_queue: "q", p_payloads: payloads }));
    const jobs = await app.rows<Job>("pull_batch", ofTenant({ p_queue: "q", p_limit: 1000 }));
    const more = [...jobs, await pulled()];
    const work = settle(
      more,
      more.map(() => "release"),
    );
    expect(await refusalOf(work)).toMatchObject({ code: "VAL_BATCH_TOO_LARGE" });
    const rows = await settle(
      jobs,
      jobs.map(() => "release"),
    );
    expect(rows.filter(({ status }) => status === "ok")).toHaveLength(1000);
  });
});

describe("settle_and_pull", () => {
  interface Answer {
    jobs: (Record<string, unknown> & { id: string; fence_token: string })[];
    stale: string[];
    due_in_ms: number | null;
  }
  const step = (args: NamedArguments = {}) =>
    app.call<Answer>("settle_and_pull", ofTenant({ p_queues: ["q"], p_limit: 10, ...args }));
  const settled = ({ jobs }: Answer) => ({
    p_job_ids: jobs.map(({ id }) => id),
    p_fences: jobs.map(({ fence_token: fence }) => fence),
  });

  it("ends the jobs that are done and takes the next ones", async () => {
    await app.call("push_batch", ofTenant({ p_queue: "q", p_payloads: ["1", "2", "3"] }));
    const first = await step({ p_limit: 2, p_worker_id: "w" });
    expect(first).toMatchObject({
      jobs: [
        { payload: 1, attempts: 1, queue: "q" },
        { payload: 2, attempts: 1, queue: "q" },
      ],
      stale: [],
    });
    expect(await app.job(present(first.jobs[0]).id)).toMatchObject({ locked_by: "w" });
    const second = await step({ p_limit: 2, ...settled(first) });
    expect(second).toMatchObject({ jobs: [{ payload: 3 }], stale: [] });
    expect(await step({ p_limit: 0, ...settled(second) })).toMatchObject({ jobs: [], stale: [] });
    expect((await app.query("select from queue.jobs")).rowCount).toBe(0);
  });

  it("gives ids and fences as text, those of the job that is held", async () => {
    const id = await app.push("q", { p_payload: '{"a": [1, null]}', p_tags: ["t"] });
    const { jobs } = await step();
    const job = await app.job(id);
    expect(jobs[0]).toMatchObject({
      id,
      fence_token: job?.fence_token,
      payload: { a: [1, null] },
      tags: ["t"],
    });
  });

  it("writes all that is known of a job, whatever is in it and whatever the session's formats are", async () => {
    const odd = 'a "quoted" \\ text,\n{"b": [null]} \u0001 ü 💥';
    await app.query("begin");
    await app.call("set_actor", {
      p_actor_id: odd,
      p_request_id: odd,
      p_on_behalf_of: odd,
      p_reason: odd,
    });
    const name = '"q" \\ ü';
    const id = await app.push(name, {
      p_payload: JSON.stringify({ text: odd, null: null, "": [] }),
      p_priority: -7,
      p_max_attempts: 4,
      p_run_at: "2001-02-03T04:05:06.789012Z",
      p_unique_key: name,
      p_tags: [odd, ""],
      p_metadata: JSON.stringify([odd, null]),
    });
    await app.query("commit");
    const first = await app.pull(name);
    await app.call("nack", { ...held(first), p_error: odd, p_backoff: "0" });
    await app.query("set timezone = 'Asia/Kathmandu'");
    await app.query("set datestyle = 'SQL'");
    const { jobs } = await step({ p_queues: [name] });
    await app.query("reset datestyle");
    const { rows } = await app.query<{ job: object }>(
      `select to_jsonb(j) || jsonb_build_object('id', j.id::text, 'fence_token', j.fence_token::text) as job
       from queue.get_job($1, $2) j`,
      [tenant, id],
    );
    expect(rows[0]?.job).toMatchObject(present(jobs[0]));
    expect(jobs[0]).toMatchObject({
      error: odd,
      tags: [odd, ""],
      reason: odd,
      metadata: [odd, null],
    });
    expect(Object.keys(present(jobs[0]))).toHaveLength(18);
  });

  it("leaves out what is null", async () => {
    await app.push("q", { p_payload: "null" });
    const { jobs } = await step();
    expect(Object.keys(present(jobs[0])).toSorted()).toEqual([
      "attempts",
      "created_at",
      "fence_token",
      "id",
      "max_attempts",
      "payload",
      "priority",
      "queue",
      "visibility_timeout_at",
    ]);
  });

  it("tells which were not held any more, and takes and ends the rest", async () => {
    await app.call("push_batch", ofTenant({ p_queue: "q", p_payloads: ["1", "2", "3"] }));
    const first = await step({ p_limit: 2 });
    await app.expire(present(first.jobs[0]).id);
    const second = await step(settled(first));
    expect(second).toMatchObject({ jobs: [{ payload: 3 }], stale: [first.jobs[0]?.id] });
    expect(await app.job(present(first.jobs[1]).id)).toBeUndefined();
    expect(await app.job(present(first.jobs[0]).id)).toMatchObject({ status: "running" });
  });

  it("tells when the next deferred job is due, and nothing when there is none", async () => {
    expect(await step()).toMatchObject({ due_in_ms: null });
    await app.push("elsewhere", { p_delay: "1 second" });
    await app.push("q", { p_delay: "2 hours" });
    await app.push("q", { p_delay: "1 hour" });
    const { due_in_ms: dueInMs } = await step();
    expect(Math.ceil((dueInMs ?? 0) / 3_600_000)).toBe(1);
    await app.push("q");
    expect(await step({ p_limit: 1 })).toMatchObject({ jobs: [{}], due_in_ms: null });
    expect(await step({ p_limit: 0 })).toMatchObject({ jobs: [], due_in_ms: null });
  });

  it("has nobody ask again at once for a job that is due and cannot be had", async () => {
    await app.push("q", { p_delay: "-1 second" });
    await app.call("pause_queue", ofTenant({ p_queue: "q" }));
    expect(await step()).toMatchObject({ jobs: [], due_in_ms: null });
    await app.call("resume_queue", ofTenant({ p_queue: "q" }));
    await using other = await openSession(db.app, tenant);
    await other.query("begin");
    await other.pull("q");
    expect(await step()).toMatchObject({ jobs: [], due_in_ms: null });
    await other.query("rollback");
    expect(await step()).toMatchObject({ jobs: [{}] });
  });

  it("serves queues in the order given until it has enough", async () => {
    await app.push("b");
    await app.push("a");
    await app.push("a");
    const { jobs } = await step({ p_queues: ["a", "b"], p_limit: 2 });
    expect(jobs.map(({ queue: name }) => name)).toEqual(["a", "a"]);
  });

  it("rolls both back together", async () => {
    await app.call("push_batch", ofTenant({ p_queue: "q", p_payloads: ["1", "2"] }));
    const first = await step({ p_limit: 1 });
    await app.query("begin");
    await step(settled(first));
    await app.query("rollback");
    const { rows } = await app.query("select status from queue.jobs order by id");
    expect(rows).toEqual([{ status: "running" }, { status: "pending" }]);
  });
});

describe("tick_timeouts", () => {
  it("takes those back whose time ran out first, and leaves those that still have some", async () => {
    const jobs = [await pulled(), await pulled(), await pulled()];
    await app.query(
      "update queue.leases set expires_at = now() - make_interval(hours => (10 - id % 3)::int) where id <> $1",
      [present(jobs[0]).id],
    );
    const { rows: order } = await app.query<{ id: string }>(
      "select id from queue.leases where expires_at < now() order by expires_at",
    );
    for (const { id } of order) {
      expect(await app.rows("tick_timeouts", ofTenant({ p_limit: 1 }))).toMatchObject([
        { job_id: id },
      ]);
    }
    expect(await app.rows("tick_timeouts", ofTenant())).toEqual([]);
    expect(await app.job(present(jobs[0]).id)).toMatchObject({ status: "running" });
  });

  it("passes over a job that its worker is just settling", async () => {
    const job = await pulled();
    await app.expire(job.id);
    await using other = await openSession(db.app, tenant);
    await other.query("begin");
    await other.query("select from queue.leases for update");
    expect(await app.rows("tick_timeouts", ofTenant())).toEqual([]);
    await other.query("rollback");
    expect(await app.rows("tick_timeouts", ofTenant())).toHaveLength(1);
  });

  it("keeps error, key, tags, priority and time of a job", async () => {
    const id = await app.push("q", {
      p_unique_key: "k",
      p_tags: ["t"],
      p_priority: 4,
      p_delay: "-1 hour",
    });
    const before = await app.job(id);
    await app.pull("q");
    await app.expire(id);
    await app.rows("tick_timeouts", ofTenant());
    expect(await app.job(id)).toEqual({ ...before, attempts: 1, updated_at: expect.any(Date) });
  });
});
