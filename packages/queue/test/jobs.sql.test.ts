import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase, waitFor } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { startUntilBlocked } from "./support/blocking.ts";
import {
  held,
  openSession,
  refusalOf,
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

const pushMany = (jobs: readonly object[]) =>
  app.call<(string | null)[]>("push_many", { p_namespace: tenant, p_jobs: JSON.stringify(jobs) });

const pushBatch = (payloads: unknown[] | null, args: NamedArguments = {}) =>
  app.call<string[]>("push_batch", {
    p_namespace: tenant,
    p_queue: "q",
    p_payloads:
      payloads?.map((payload) => (payload === undefined ? null : JSON.stringify(payload))) ?? null,
    ...args,
  });

const ofTenant = (args: NamedArguments = {}): NamedArguments => ({ p_namespace: tenant, ...args });

const keys = async () =>
  (await app.query<{ key: string }>("select key from queue.unique_keys")).rows;

describe("push", () => {
  it("makes a job that waits, with what was not said at its default", async () => {
    const id = await app.push("q", { p_payload: '{"to": "a"}' });
    const { rows } = await app.query<{ now: Date }>("select now()");
    const job = await app.job(id);
    expect(job).toEqual({
      id,
      namespace: tenant,
      queue: "q",
      payload: { to: "a" },
      priority: 0,
      scheduled_at: job?.created_at,
      status: "pending",
      attempts: 0,
      max_attempts: 3,
      locked_by: null,
      locked_at: null,
      visibility_timeout_at: null,
      completed_at: null,
      error: null,
      unique_key: null,
      tags: [],
      metadata: null,
      actor_id: null,
      request_id: null,
      on_behalf_of: null,
      reason: null,
      created_at: expect.any(Date),
      updated_at: job?.created_at,
      fence_token: null,
    });
    expect(job?.created_at.getTime()).toBeLessThanOrEqual(present(rows[0]).now.getTime());
  });

  it.each([
    ["now", null],
    ["later", "1 hour"],
  ])("keeps all it is given, for %s", async (_, delay) => {
    const id = await app.push("q", {
      p_payload: "[1]",
      p_delay: delay,
      p_priority: -5,
      p_max_attempts: 30,
      p_unique_key: "k",
      p_tags: ["x", "y"],
      p_metadata: '{"m": null}',
    });
    expect(await app.job(id)).toMatchObject({
      payload: [1],
      priority: -5,
      max_attempts: 30,
      unique_key: "k",
      tags: ["x", "y"],
      metadata: { m: null },
      status: "pending",
    });
  });

  it.each(["null", "0", '""', "[]", '"a\\u2028b"', "1e400"])(
    "takes the payload %s",
    async (payload) => {
      const id = await app.push("q", { p_payload: payload });
      const { rows } = await app.query(
        "select j.payload = $3::jsonb as same from queue.get_job($1, $2) j",
        [tenant, id, payload],
      );
      expect(rows).toEqual([{ same: true }]);
    },
  );

  it("counts a delay from the start of the transaction, to the microsecond", async () => {
    await app.query("begin");
    const id = await app.push("q", { p_delay: "1 day 2 hours" });
    const { rows } = await app.query(
      "select j.scheduled_at = now() + interval '1 day 2 hours' as exact from queue.get_job($1, $2) j",
      [tenant, id],
    );
    await app.query("commit");
    expect(rows).toEqual([{ exact: true }]);
    expect(await app.rows("pull", ofTenant({ p_queue: "q" }))).toEqual([]);
  });

  it("takes null for a priority, attempts, tags and a delay that are not said", async () => {
    const id = await app.push("q", {
      p_delay: null,
      p_priority: null,
      p_max_attempts: null,
      p_tags: null,
    });
    expect(await app.job(id)).toMatchObject({ priority: 0, max_attempts: 3, tags: [] });
  });

  it.each([
    ["now", null],
    ["later", "1 hour"],
  ])("keeps who acts, for %s", async (_, delay) => {
    await app.query("begin");
    await app.call("set_actor", {
      p_actor_id: "user:admin",
      p_request_id: "r-1",
      p_on_behalf_of: "user:boss",
      p_reason: "ticket 42",
    });
    const id = await app.push("q", { p_delay: delay });
    const [batched] = await pushBatch([1]);
    await app.call("clear_actor");
    const anonymous = await app.push("q");
    await app.query("commit");
    const actor = {
      actor_id: "user:admin",
      request_id: "r-1",
      on_behalf_of: "user:boss",
      reason: "ticket 42",
    };
    expect(await app.job(id)).toMatchObject(actor);
    expect(await app.job(present(batched))).toMatchObject(actor);
    expect(await app.job(anonymous)).toMatchObject({ actor_id: null, reason: null });
  });

  it("leaves nothing when it is rolled back", async () => {
    await app.query("begin");
    const id = await app.push("q", { p_unique_key: "k" });
    await app.query("rollback");
    expect([await app.job(id), await keys()]).toEqual([undefined, []]);
  });
});

describe("push with run_at", () => {
  it("lets the job run from that time on, and at once when it is over", async () => {
    const runAt = new Date("2999-01-01T00:00:00Z");
    const later = await app.push("q", { p_run_at: runAt });
    const past = await app.push("q", { p_run_at: new Date("2001-01-01T00:00:00Z") });
    expect(await app.job(later)).toMatchObject({ status: "pending", scheduled_at: runAt });
    expect(await app.pull("q")).toMatchObject({ id: past });
    expect(await app.rows("pull", ofTenant({ p_queue: "q" }))).toEqual([]);
  });

  it("refuses a delay besides", async () => {
    const work = app.push("q", { p_run_at: new Date(), p_delay: "1 second" });
    expect(await refusalOf(work)).toMatchObject({ code: "VAL_DELAY_AND_RUN_AT" });
    const both = { queue: "q", payload: 0, delay: "1 second", run_at: new Date() };
    expect(await refusalOf(pushMany([both]))).toMatchObject({ code: "VAL_DELAY_AND_RUN_AT" });
    expect((await app.query("select from queue.jobs")).rowCount).toBe(0);
  });

  it.each(["infinity", "-infinity", "4000-01-01", "0500-01-01"])(
    "refuses %s, from which no time can be told",
    async (runAt) => {
      for (const work of [
        () => app.push("q", { p_run_at: runAt }),
        () => pushMany([{ queue: "q", payload: 0, run_at: runAt }]),
      ]) {
        expect(await refusalOf(work())).toMatchObject({
          code: "VAL_INTERVAL_TOO_LARGE",
          message: "run_at is more than 1000 years away",
        });
      }
      expect((await app.query("select from queue.jobs")).rowCount).toBe(0);
    },
  );
});

describe("a unique key", () => {
  const push = (args: NamedArguments = {}) => app.push("q", { p_unique_key: "k", ...args });

  it("keeps a second job away while the first waits, is delayed, or runs", async () => {
    await push();
    expect(await push()).toBeNull();
    const job = await app.pull("q");
    expect(await push()).toBeNull();
    await app.call("nack", { ...held(job), p_backoff: "1 hour" });
    expect(await push({ p_delay: "1 day" })).toBeNull();
    const { rows } = await app.query("select from queue.jobs");
    expect(rows).toHaveLength(1);
  });

  it("is free in another queue, in another tenant, and with another spelling", async () => {
    await push();
    expect(await app.push("other", { p_unique_key: "k" })).not.toBeNull();
    expect(await push({ p_unique_key: "K" })).not.toBeNull();
    await using other = await openSession(db.app, "globex");
    expect(await other.push("q", { p_unique_key: "k" })).not.toBeNull();
  });

  it.each<[string, (job: Job) => Promise<unknown>]>([
    ["acknowledged", (job) => app.call("ack", held(job))],
    ["given up", (job) => app.call("fail", held(job))],
    ["dead after its last attempt", (job) => app.call("nack", held(job))],
    [
      "timed out at its last attempt",
      async (job) => {
        await app.expire(job.id);
        await app.rows("tick_timeouts", ofTenant());
      },
    ],
    [
      "given back and cancelled",
      async (job) => {
        await app.call("release", held(job));
        await app.call("cancel", ofTenant({ p_job_id: job.id }));
      },
    ],
    [
      "given back and purged",
      async (job) => {
        await app.call("release", held(job));
        await app.call("purge_queue", ofTenant({ p_queue: "q" }));
      },
    ],
  ])("is free again when its job was %s", async (_, end) => {
    await push({ p_max_attempts: 1 });
    await end(await app.pull("q"));
    expect(await keys()).toEqual([]);
    expect(await push()).not.toBeNull();
  });

  it.each(["cancel", "purge_queue"])("of a delayed job is free after %s", async (name) => {
    const id = await push({ p_delay: "1 hour" });
    await app.call(name, ofTenant(name === "cancel" ? { p_job_id: id } : { p_queue: "q" }));
    expect(await push()).not.toBeNull();
  });

  it("makes the second pusher wait for the first, and take its place when it rolls back", async () => {
    await using other = await openSession(db.app, tenant);
    for (const [end, isTaken] of [
      ["rollback", false],
      ["commit", true],
    ] as const) {
      await other.query("begin");
      await other.push("q", { p_unique_key: end });
      const { work, isBlocked } = await startUntilBlocked(db, app, () =>
        push({ p_unique_key: end }),
      );
      await other.query(end);
      expect([isBlocked, (await work) === null]).toEqual([true, isTaken]);
    }
  });
});

describe("push_batch", () => {
  it("gives ids in the order of the payloads, and jobs in that order too", async () => {
    const payloads = Array.from({ length: 500 }, (_, index) => index);
    const ids = await pushBatch(payloads);
    const jobs = await app.rows<Job>("pull_batch", ofTenant({ p_queue: "q", p_limit: 1000 }));
    expect(jobs.map(({ id, payload }) => [id, payload])).toEqual(
      payloads.map((payload, index) => [ids[index], payload]),
    );
  });

  it("gives all of them the same options", async () => {
    const [id] = await pushBatch([null], { p_priority: 9, p_max_attempts: 1, p_tags: ["t"] });
    expect(await app.job(present(id))).toMatchObject({
      payload: null,
      priority: 9,
      max_attempts: 1,
      tags: ["t"],
    });
  });

  it.each([
    ["null", null],
    ["none", []],
  ])("of %s does nothing, whatever else is said", async (_, payloads) => {
    expect(await pushBatch(payloads, { p_queue: "" })).toEqual([]);
  });

  it("takes 1,000 and refuses 1,001, whereupon nothing is written", async () => {
    const payloads = Array.from({ length: 1001 }, () => 1);
    expect(await refusalOf(pushBatch(payloads))).toMatchObject({ code: "VAL_BATCH_TOO_LARGE" });
    expect((await app.query("select from queue.jobs")).rowCount).toBe(0);
    expect(await pushBatch(payloads.slice(1))).toHaveLength(1000);
  });

  it("refuses all when one is null", async () => {
    expect(await refusalOf(pushBatch([1, undefined]))).toMatchObject({ code: "VAL_PAYLOAD_NULL" });
    expect((await app.query("select from queue.jobs")).rowCount).toBe(0);
  });
});

describe("push_many", () => {
  it("gives each job its own options", async () => {
    const runAt = "2999-01-01T00:00:00Z";
    const ids = await pushMany([
      { queue: "b", payload: { n: 1 } },
      { queue: "a", payload: null, priority: 3, max_attempts: 2, tags: ["t"], metadata: { m: 1 } },
      { queue: "a", payload: 3, run_at: runAt, unique_key: "k" },
      { queue: "a", payload: 4, delay: "1 hour" },
    ]);
    const jobs: (Job | undefined)[] = [];
    for (const id of ids) jobs.push(await app.job(present(id)));
    expect(jobs).toMatchObject([
      { queue: "b", payload: { n: 1 }, priority: 0, max_attempts: 3, tags: [], metadata: null },
      { queue: "a", payload: null, priority: 3, max_attempts: 2, tags: ["t"], metadata: { m: 1 } },
      { queue: "a", payload: 3, scheduled_at: new Date(runAt), unique_key: "k" },
      { queue: "a", payload: 4 },
    ]);
    const waits = present(jobs[3]).scheduled_at.getTime() - present(jobs[3]).created_at.getTime();
    expect(waits).toBe(3_600_000);
  });

  it("gives null where a key is taken, by a job there was or by an earlier one of the call", async () => {
    await app.push("q", { p_unique_key: "taken" });
    const job = { queue: "q", payload: 0 };
    const ids = await pushMany([
      { ...job, unique_key: "z" },
      { ...job, unique_key: "taken" },
      { ...job, unique_key: "z" },
      job,
    ]);
    expect(ids.map((id) => id !== null)).toEqual([true, false, false, true]);
  });

  it("gives later jobs of the array higher ids, and lets them run in that order", async () => {
    const job = { queue: "q", payload: 0 };
    const ids = await pushMany([
      { ...job, unique_key: "z" },
      job,
      { ...job, unique_key: "a" },
      { ...job, unique_key: "m" },
      job,
    ]);
    expect([...ids].sort((one, another) => Number(one) - Number(another))).toEqual(ids);
    const jobs = await app.rows<Job>("pull_batch", { p_namespace: tenant, p_queue: "q" });
    expect(jobs.map(({ id }) => id)).toEqual(ids);
    expect(jobs.map(({ unique_key: key }) => key)).toEqual(["z", null, "a", "m", null]);
  });

  it("is all or none", async () => {
    const job = { queue: "q", payload: 0 };
    const refusal = await refusalOf(pushMany([job, { ...job, priority: 2000 }]));
    expect(refusal).toMatchObject({ code: "VAL_PRIORITY_RANGE" });
    expect((await app.query("select from queue.jobs")).rowCount).toBe(0);
  });

  it("of no jobs does nothing", async () => {
    expect(await pushMany([])).toEqual([]);
  });

  it("takes 1,000 and refuses 1,001", async () => {
    const jobs = Array.from({ length: 1001 }, () => ({ queue: "q", payload: 0 }));
    expect(await refusalOf(pushMany(jobs))).toMatchObject({ code: "VAL_BATCH_TOO_LARGE" });
    const ids = await pushMany(jobs.slice(1));
    expect(new Set(ids).size).toBe(1000);
  });

  it("takes keys in one order, so that two calls with the same ones never wait in a circle", async () => {
    await using other = await openSession(db.app, tenant);
    const jobs = ["a", "b", "c"].map((key) => ({ queue: "q", payload: 0, unique_key: key }));
    await other.query("begin");
    await other.push("q", { p_unique_key: "a" });
    const { work, isBlocked } = await startUntilBlocked(db, app, () => pushMany(jobs.toReversed()));
    // What is behind the first key must not have been taken yet, or this waits for the one that waits for us.
    expect(await other.push("q", { p_unique_key: "c" })).not.toBeNull();
    await other.query("commit");
    expect([isBlocked, (await work).map((id) => id !== null)]).toEqual([
      true,
      [false, true, false],
    ]);
  });

  it.each<[string, unknown, string]>([
    ["no array", { queue: "q", payload: 0 }, "jobs must be an array of objects"],
    ["null", null, "jobs must be an array of objects"],
    ["what is no object", [{ queue: "q", payload: 0 }, 1], "jobs must be an array of objects"],
    ["a key that none has", [{ queue: "q", payload: 0, when: 1 }], "'when'"],
    ["a priority that is no number", [{ queue: "q", payload: 0, priority: "high" }], "integer"],
    ["a priority that is no whole number", [{ queue: "q", payload: 0, priority: 1.5 }], "integer"],
    ["a priority out of all range", [{ queue: "q", payload: 0, priority: 1e12 }], "range"],
    ["a delay that is none", [{ queue: "q", payload: 0, delay: "soon" }], "interval"],
    ["a time that is none", [{ queue: "q", payload: 0, run_at: "soon" }], "timestamp"],
    ["a date that is none", [{ queue: "q", payload: 0, run_at: "2025-02-30" }], "out of range"],
    [
      "an offset that is none",
      [{ queue: "q", payload: 0, run_at: "2025-01-01T00:00+99" }],
      "displacement",
    ],
    [
      "a zone that is none",
      [{ queue: "q", payload: 0, run_at: "2025-01-01 00:00 Nowhere/At_All" }],
      "zone",
    ],
    ["tags that are none", [{ queue: "q", payload: 0, tags: "x" }], "array"],
  ])("refuses %s", async (_, jobs, words) => {
    const work = app.call("push_many", ofTenant({ p_jobs: JSON.stringify(jobs) }));
    expect(await refusalOf(work)).toMatchObject({
      code: "VAL_JOBS_INVALID",
      sqlstate: "22023",
      message: expect.stringMatching(new RegExp(`^(jobs|a job) .*${words}|^${words}$`)),
    });
    expect((await app.query("select from queue.jobs")).rowCount).toBe(0);
  });

  it("says of an array that is none what it must be, and no more", async () => {
    const { message } = await refusalOf(app.call("push_many", ofTenant({ p_jobs: "{}" })));
    expect(message).toBe("jobs must be an array of objects");
  });

  it.each([
    [{ payload: 0 }, "VAL_QUEUE_NULL"],
    [{ queue: "q" }, "VAL_PAYLOAD_NULL"],
    [{ queue: " q", payload: 0 }, "VAL_QUEUE_WHITESPACE"],
    [{ queue: "q", payload: 0, max_attempts: 31 }, "VAL_MAX_ATTEMPTS_RANGE"],
    [{ queue: "q", payload: 0, delay: "1001 years" }, "VAL_INTERVAL_TOO_LARGE"],
  ])("refuses %j as push does", async (job, code) => {
    expect(await refusalOf(pushMany([job]))).toMatchObject({ code });
  });
});

describe("the order of jobs", () => {
  const pullAll = async (queueName = "q") => {
    const args = ofTenant({ p_queue: queueName, p_limit: 1000 });
    return (await app.rows<Job>("pull_batch", args)).map(({ payload }) => payload);
  };
  const push = (payload: string, args: NamedArguments = {}) =>
    app.push("q", { p_payload: JSON.stringify(payload), ...args });

  it("is by priority, then by time, then by id", async () => {
    await push("low", { p_priority: -1000 });
    await push("normal 1");
    await push("high 1", { p_priority: 1000 });
    await push("normal 2");
    await push("high 2", { p_priority: 1000 });
    expect(await pullAll()).toEqual(["high 1", "high 2", "normal 1", "normal 2", "low"]);
  });

  it("is the same one by one", async () => {
    for (const [index, priority] of [0, 5, -5, 5, 0].entries()) {
      await push(`${priority} ${index}`, { p_priority: priority });
    }
    const order: unknown[] = [];
    for (let count = 0; count < 5; count++) order.push((await app.pull("q")).payload);
    expect(order).toEqual(["5 1", "5 3", "0 0", "0 4", "-5 2"]);
  });

  it("counts a delay below zero as having waited longer", async () => {
    await push("now");
    await push("past", { p_delay: "-1 hour" });
    await push("further past", { p_delay: "-2 hours" });
    await push("high", { p_priority: 1 });
    expect(await pullAll()).toEqual(["high", "further past", "past", "now"]);
  });

  it("has delayed jobs by their time once it has come, and not before", async () => {
    await push("later", { p_delay: "1 hour", p_priority: 10 });
    await push("soon 2", { p_delay: "200 milliseconds" });
    await push("soon 1", { p_delay: "100 milliseconds" });
    await waitFor(async () => {
      const due = await app.call<Date>("next_due", ofTenant({ p_queues: ["q"] }));
      const { rows } = await app.query<{ all: boolean }>(
        "select count(*) = 2 as all from queue.deferred where run_at <= clock_timestamp()",
      );
      return due && rows[0]?.all;
    });
    await push("new");
    expect(await pullAll()).toEqual(["soon 1", "soon 2", "new"]);
  });

  it("has jobs that came back before the new ones of their priority, and after higher ones", async () => {
    const payloads = ["released", "timed out", "uncounted"];
    for (const payload of payloads) await push(payload);
    const [released, timedOut, uncounted] = [
      await app.pull("q"),
      await app.pull("q"),
      await app.pull("q"),
    ];
    await push("new");
    await push("high", { p_priority: 1 });
    await app.call("release", held(released));
    await app.expire(timedOut.id);
    await app.rows("tick_timeouts", ofTenant());
    await app.call("release", { ...held(uncounted), p_count_attempt: false });
    await push("newer");
    expect(await pullAll()).toEqual(["high", ...payloads, "new", "newer"]);
  });

  it("has them there too while delayed ones are due", async () => {
    await push("released");
    const released = await app.pull("q");
    await push("past", { p_delay: "-1 hour" });
    await push("new");
    await app.call("release", held(released));
    expect(await pullAll()).toEqual(["released", "past", "new"]);
  });

  it("is by position of the queue first in pull_any", async () => {
    await app.push("b", { p_payload: '"b"', p_priority: 10 });
    await app.push("a", { p_payload: '"a 1"' });
    await app.push("a", { p_payload: '"a 2"', p_priority: 1 });
    const order: unknown[] = [];
    for (let count = 0; count < 4; count++) {
      const args = ofTenant({ p_queues: ["none", "a", "b", "a"] });
      order.push(...(await app.rows<Job>("pull_any", args)).map(({ payload }) => payload));
    }
    expect(order).toEqual(["a 2", "a 1", "b"]);
  });

  it("passes over what another transaction has, due and ready, without waiting", async () => {
    await push("due", { p_delay: "-1 hour" });
    await push("ready");
    await push("free due", { p_delay: "-1 minute" });
    await push("free ready");
    await using other = await openSession(db.app, tenant);
    await other.query("begin");
    await other.query(
      `select from queue.deferred where payload = '"due"' for update;
       select from queue.ready where payload = '"ready"' for update`,
    );
    expect(await pullAll()).toEqual(["free due", "free ready"]);
    await other.query("rollback");
    expect(await pullAll()).toEqual(["due", "ready"]);
  });

  it("finds what is free behind hundreds that others have", async () => {
    await pushBatch(Array.from({ length: 300 }, () => "taken"));
    for (let index = 0; index < 5; index++) await push("due", { p_delay: "-1 hour" });
    await push("free");
    await using other = await openSession(db.app, tenant);
    await other.query("begin");
    await other.query(
      `select from queue.ready where payload = '"taken"' for update; select from queue.deferred for update`,
    );
    expect(await pullAll()).toEqual(["free"]);
  });
});

describe("cancel", () => {
  const cancel = (id: string) => app.call("cancel", ofTenant({ p_job_id: id }));

  it("deletes a job that is ready, delayed, due, or came back", async () => {
    const ids = [
      await app.push("a", { p_priority: 3 }),
      await app.push("q", { p_delay: "1 hour" }),
      await app.push("q", { p_delay: "-1 hour" }),
      await app.push("z", { p_priority: -3 }),
    ];
    await app.push("back");
    const back = await app.pull("back");
    await app.call("release", held(back));
    for (const id of [...ids, back.id]) {
      expect(await cancel(id)).toBe(true);
      expect([await app.job(id), await cancel(id)]).toEqual([undefined, false]);
    }
  });

  it("leaves alone a job that runs, is dead, was completed, or is not there", async () => {
    await app.call(
      "set_config",
      ofTenant({ p_queue: null, p_settings: '{"archive_completed": true}' }),
    );
    await app.push("q");
    const job = await app.pull("q");
    await app.push("q");
    const dead = await app.pull("q");
    await app.call("fail", held(dead));
    await app.push("q");
    const done = await app.pull("q");
    await app.call("ack", held(done));
    for (const id of [job.id, dead.id, done.id, "0", "-1", "9000000000000000000"]) {
      expect(await cancel(id)).toBe(false);
    }
    expect(await app.job(job.id)).toMatchObject({ status: "running" });
    expect(await app.job(dead.id)).toMatchObject({ status: "dead" });
    expect(await app.job(done.id)).toMatchObject({ status: "completed" });
  });
});

describe("request_cancel", () => {
  const request = (id: string) => app.call("request_cancel", ofTenant({ p_job_id: id }));

  it("deletes a job that waits", async () => {
    const id = await app.push("q", { p_unique_key: "k" });
    expect(await request(id)).toBe(true);
    expect([await app.job(id), await keys()]).toEqual([undefined, []]);
  });

  it("tells the worker of one that runs, at its next heartbeat and on the channel", async () => {
    await app.push("q");
    const job = await app.pull("q");
    const { rows } = await app.query<{ channel: string }>(
      "select queue.channel_name($1, 'q') as channel",
      [tenant],
    );
    const notices: string[] = [];
    app.client.on("notification", ({ payload }) => notices.push(payload ?? ""));
    await app.query(`listen ${rows[0]?.channel}`);
    expect(await request(job.id)).toBe(true);
    expect(await request(job.id)).toBe(true);
    const args = ofTenant({
      p_job_ids: [job.id],
      p_fences: [job.fence_token],
      p_timeout: "1 minute",
    });
    expect(await app.rows("heartbeat_batch", args)).toEqual([
      { job_id: job.id, status: "cancel_requested" },
    ]);
    await waitFor(() => notices.length > 0);
    expect(JSON.parse(present(notices[0]))).toEqual({ cancel: Number(job.id), queue: "q" });
    expect(await app.call("ack", held(job))).toBe(true);
  });

  it("finds nothing to cancel in a job that has ended or never was", async () => {
    await app.push("q");
    const job = await app.pull("q");
    await app.call("fail", held(job));
    expect([await request(job.id), await request("1")]).toEqual([false, false]);
  });
});

describe("purge_queue", () => {
  it("deletes what waits in a queue, delayed or not, and nothing else", async () => {
    await app.push("q");
    const running = await app.pull("q");
    await app.push("q", { p_unique_key: "a" });
    await app.push("q", { p_delay: "1 hour", p_unique_key: "b" });
    await app.push("q", { p_delay: "-1 hour" });
    const other = await app.push("other", { p_unique_key: "a" });
    expect(await app.call("purge_queue", ofTenant({ p_queue: "q" }))).toBe(3);
    expect(await app.call("purge_queue", ofTenant({ p_queue: "q" }))).toBe(0);
    const { rows } = await app.query<{ id: string }>("select id from queue.jobs order by id");
    expect(rows.map(({ id }) => id)).toEqual([running.id, other]);
    expect(await keys()).toEqual([{ key: "a" }]);
  });
});

/** A job of each state and how it got there, by the state it is in. */
async function oneOfEach(): Promise<Record<string, string>> {
  await app.call(
    "set_config",
    ofTenant({ p_queue: null, p_settings: '{"archive_completed": true}' }),
  );
  const pulled = async (args: NamedArguments = {}) => {
    await app.push("q", { p_priority: 100, ...args });
    return app.pull("q");
  };
  const completed = await pulled();
  await app.call("ack", held(completed));
  const dead = await pulled();
  await app.call("fail", { ...held(dead), p_error: "no" });
  const cancelled = await pulled();
  await app.rows("settle_batch", {
    p_namespace: tenant,
    p_job_ids: [cancelled.id],
    p_fences: [cancelled.fence_token],
    p_outcomes: ["cancel"],
  });
  const running = await pulled({ p_priority: 200 });
  const nacked = await pulled({ p_priority: 200 });
  await app.call("nack", { ...held(nacked), p_error: "later" });
  const released = await pulled({ p_priority: 200 });
  await app.call("release", held(released));
  return {
    completed: completed.id,
    dead: dead.id,
    cancelled: cancelled.id,
    running: running.id,
    nacked: nacked.id,
    released: released.id,
    ready: await app.push("q", { p_tags: ["t"], p_priority: 2 }),
    delayed: await app.push("q", { p_delay: "1 hour" }),
    due: await app.push("other", { p_delay: "-1 hour" }),
  };
}

const statusOf: Readonly<Record<string, string>> = {
  nacked: "pending",
  released: "pending",
  ready: "pending",
  delayed: "pending",
  due: "pending",
};

describe("get_job, list_jobs and queue.jobs", () => {
  it("know no job by the place in line of another", async () => {
    const id = await app.push("q", { p_unique_key: "k" });
    for (const near of [-1, 1, 2]) expect(await app.job(String(Number(id) + near))).toBeUndefined();
  });

  it("tell the same of a job of every state", async () => {
    const ids = await oneOfEach();
    const listed = await app.rows<Job>("list_jobs", ofTenant());
    const viewed = (await app.query<Job>("select * from queue.jobs order by id")).rows;
    expect(listed).toEqual(viewed);
    expect(listed.map(({ id }) => id)).toEqual(
      Object.values(ids).sort((left, right) => Number(left) - Number(right)),
    );
    for (const [state, id] of Object.entries(ids)) {
      const job = await app.job(id);
      expect(job).toEqual(listed.find((other) => other.id === id));
      expect([state, job?.status]).toEqual([state, statusOf[state] ?? state]);
      expect([state, job?.fence_token !== null]).toEqual([state, state === "running"]);
      expect([state, job?.completed_at !== null]).toEqual([
        state,
        ["completed", "dead", "cancelled"].includes(state),
      ]);
    }
  });

  it.each(["pending", "running", "completed", "dead", "cancelled"])(
    "lists those that are %s",
    async (status) => {
      const ids = await oneOfEach();
      const listed = await app.rows<Job>("list_jobs", ofTenant({ p_status: status }));
      const wanted = Object.entries(ids).filter(([state]) => (statusOf[state] ?? state) === status);
      expect(listed.map(({ id }) => id)).toEqual(wanted.map(([, id]) => id));
    },
  );

  it("lists those of one queue", async () => {
    const ids = await oneOfEach();
    for (const name of ["other", "q", "none"]) {
      const listed = await app.rows<Job>("list_jobs", ofTenant({ p_queue: name }));
      const all = Object.entries(ids).filter(([state]) => (state === "due") === (name === "other"));
      expect(listed.map(({ id }) => id)).toEqual(name === "none" ? [] : all.map(([, id]) => id));
    }
  });

  it.each([1, 2, 3, 7])("lists pages of %i that make up the whole", async (size) => {
    await oneOfEach();
    await pushBatch([1, 2, 3], { p_priority: 5 });
    await pushBatch([1, 2, 3], { p_queue: "other" });
    const whole = await app.rows<Job>("list_jobs", ofTenant());
    const pages: Job[] = [];
    for (;;) {
      const page = await app.rows<Job>(
        "list_jobs",
        ofTenant({ p_limit: size, p_cursor: pages.at(-1)?.id }),
      );
      if (page.length === 0) break;
      expect(page.length).toBeLessThanOrEqual(size);
      pages.push(...page);
    }
    expect(pages).toEqual(whole);
  });

  it.each([
    ["few", 30, 7],
    ["many", 1200, 500],
  ])("lists the deferred ones of a queue that has %s, page by page", async (_, count, size) => {
    const jobs = Array.from({ length: count * 2 }, (_unused, index) => ({
      queue: index % 2 === 0 ? "q" : "other",
      payload: index,
      delay: `${1 + ((index * 7919) % 1000)} minutes`,
    }));
    const ids: string[] = [];
    for (let start = 0; start < jobs.length; start += 800) {
      const some = JSON.stringify(jobs.slice(start, start + 800));
      ids.push(...(await app.call<string[]>("push_many", ofTenant({ p_jobs: some }))));
    }
    const listed: string[] = [];
    for (;;) {
      const page = await app.rows<Job>(
        "list_jobs",
        ofTenant({ p_queue: "q", p_limit: size, p_cursor: listed.at(-1) }),
      );
      if (page.length === 0) break;
      expect(page.length).toBeLessThanOrEqual(size);
      listed.push(...page.map(({ id }) => id));
    }
    expect(listed).toEqual(ids.filter((_unused, index) => index % 2 === 0));
  });

  it("find nothing of a job that never was", async () => {
    expect(await app.job("1")).toBeUndefined();
    expect(await app.rows("list_jobs", ofTenant())).toEqual([]);
  });
});

describe("wake-ups", () => {
  interface Notice {
    channel: string;
    payload: Record<string, unknown>;
  }

  /** Listens, and gives what came until the mark that it sends itself. */
  async function noticesOf(work: () => Promise<unknown>): Promise<Notice[]> {
    await using listener = await openSession(db.app, tenant);
    const notices: Notice[] = [];
    let isOver = false;
    listener.client.on("notification", ({ channel, payload }) => {
      if (channel === "over") isOver = true;
      else notices.push({ channel, payload: JSON.parse(payload ?? "") as Record<string, unknown> });
    });
    const { rows } = await listener.query<{ channel: string }>(
      "select queue.channel_name(n, 'q') as channel from unnest(array[$1, '']) n",
      [tenant],
    );
    for (const { channel } of rows) await listener.query(`listen ${channel}`);
    await listener.query("listen over");
    await work();
    await app.query("notify over");
    await waitFor(() => isOver);
    return notices;
  }

  const useMode = (mode: string) =>
    app.call(
      "set_config",
      ofTenant({ p_queue: "q", p_settings: JSON.stringify({ notify: mode }) }),
    );

  beforeEach(() => useMode("always"));

  it("come on the channel of the namespace and the queue", async () => {
    const { rows } = await db.super.query(
      `select queue.channel_name('a', 'b') = 'q_' || md5('a' || chr(31) || 'b') as same,
         queue.channel_name('a', 'bc') <> queue.channel_name('ab', 'c') as differs`,
    );
    expect(rows).toEqual([{ same: true, differs: true }]);
    expect(await noticesOf(() => app.push("other"))).toEqual([]);
  });

  it("tell of a push the id, of a batch the count", async () => {
    const ids: string[] = [];
    const notices = await noticesOf(async () => {
      ids.push(await app.push("q"));
      await pushBatch([1, 2, 3]);
      await pushMany([
        { queue: "q", payload: 1 },
        { queue: "q", payload: 2 },
        { queue: "x", payload: 3 },
      ]);
    });
    expect(notices.map(({ payload }) => payload)).toEqual([
      { id: Number(ids[0]), queue: "q" },
      { count: 3, queue: "q" },
      { count: 2, queue: "q" },
    ]);
  });

  it("tell of a dead letter that was retried, and of a schedule that ran", async () => {
    await app.push("q");
    await app.call("fail", held(await app.pull("q")));
    const [letter] = await app.rows<{ id: string }>("list_dead_letters", ofTenant());
    const ids: string[] = [];
    const notices = await noticesOf(async () => {
      ids.push(await app.call("retry_dead_letter", ofTenant({ p_dead_letter_id: letter?.id })));
      await app.call(
        "create_schedule",
        ofTenant({ p_name: "s", p_queue: "q", p_payload: "{}", p_every_interval: "1 hour" }),
      );
      await app.query("update queue.schedules set next_run_at = now()");
      const [run] = await app.rows<{ job_id: string }>("tick_schedules", ofTenant());
      ids.push(present(run).job_id);
    });
    expect(notices.map(({ payload }) => payload)).toEqual([
      { id: Number(ids[0]), queue: "q", retry_of_dead_letter: Number(letter?.id) },
      { id: Number(ids[1]), queue: "q", schedule: "s" },
    ]);
  });

  it("come when a job is given back or taken back, and when the queue goes on", async () => {
    await app.push("q");
    await app.push("q");
    const [first, second] = [await app.pull("q"), await app.pull("q")];
    await app.call("pause_queue", ofTenant({ p_queue: "q" }));
    const notices = await noticesOf(async () => {
      await app.call("release", held(first));
      await app.expire(second.id);
      await app.rows("tick_timeouts", ofTenant());
      await app.call("resume_queue", ofTenant({ p_queue: "q" }));
    });
    expect(notices.map(({ payload }) => payload)).toEqual([
      { id: Number(first.id), queue: "q" },
      { id: Number(second.id), queue: "q" },
      { queue: "q" },
    ]);
  });

  it("do not come after a rollback, nor for a push whose key is taken", async () => {
    await app.push("q", { p_unique_key: "k" });
    const notices = await noticesOf(async () => {
      await app.query("begin");
      await app.push("q");
      await app.query("rollback");
      await app.push("q", { p_unique_key: "k" });
    });
    expect(notices).toEqual([]);
  });

  it("do not come at all when they are off", async () => {
    await useMode("off");
    expect(await noticesOf(() => app.push("q"))).toEqual([]);
  });

  it("come with auto when nobody is known who could wait", async () => {
    await useMode("auto");
    expect(await noticesOf(() => app.push("q"))).toHaveLength(1);
  });

  it("come with auto when a worker waits, and not when all are busy", async () => {
    await useMode("auto");
    const report = (isWaiting: boolean) =>
      app.call(
        "report_worker",
        ofTenant({ p_queues: ["q"], p_worker_id: "w", p_is_waiting: isWaiting }),
      );
    await report(true);
    expect(await noticesOf(() => app.push("q"))).toHaveLength(1);
    await report(false);
    expect(await noticesOf(() => app.push("q"))).toEqual([]);
  });

  describe("of push_many are those of push", () => {
    const seen =
      "insert into queue.workers (namespace, queue, worker_id, is_waiting, seen_at) values";
    const workers: readonly (readonly [name: string, sql: string])[] = [
      ["nobody", "select"],
      ["one that waits", `${seen} ($1, 'q', 'w', true, now())`],
      ["one that is busy", `${seen} ($1, 'q', 'w', false, now())`],
      ["one that waited long ago", `${seen} ($1, 'q', 'w', true, now() - interval '1 hour')`],
      ["one that was busy long ago", `${seen} ($1, 'q', 'w', false, now() - interval '1 hour')`],
      ["one of all namespaces that waits", `${seen} ('', 'q', 'w', true, now())`],
      ["one of all namespaces that is busy", `${seen} ('', 'q', 'w', false, now())`],
      [
        "one that is busy and one of all namespaces that waits",
        `${seen} ($1, 'q', 'w', false, now()), ('', 'q', 'w', true, now())`,
      ],
    ];
    const cases = workers.flatMap(([name, sql]) =>
      ["always", "auto", "off"].flatMap((mode) =>
        ["read committed", "repeatable read"].map((isolation) => ({ name, sql, mode, isolation })),
      ),
    );

    it.each(cases)("with $name, $mode, at $isolation", async ({ sql, mode, isolation }) => {
      await useMode(mode);
      await db.super.query(sql.replaceAll("$1", `'${tenant}'`));
      const push = async (work: () => Promise<unknown>) => {
        await app.query(`begin isolation level ${isolation}`);
        await work();
        await app.query("commit");
      };
      const channelsOf = async (work: () => Promise<unknown>) =>
        (await noticesOf(() => push(work))).map(({ channel }) => channel).sort();
      const jobs = ["q", "x", "q"].map((name) => ({ queue: name, payload: {} }));
      const told = await channelsOf(() => pushMany(jobs));
      expect(told).toEqual(await channelsOf(() => app.push("q")));
      await db.super.query("delete from queue.workers");
    });
  });

  it("count of many jobs those that were pushed, and tell of no queue of which none was", async () => {
    await app.push("q", { p_unique_key: "k" });
    const job = { queue: "q", payload: 0, unique_key: "k" };
    const notices = await noticesOf(async () => {
      await pushMany([job, { queue: "x", payload: 0 }]);
      await pushMany([job, { ...job, unique_key: "l" }, { queue: "q", payload: 0 }]);
    });
    expect(notices.map(({ payload }) => payload)).toEqual([{ count: 2, queue: "q" }]);
  });
});
