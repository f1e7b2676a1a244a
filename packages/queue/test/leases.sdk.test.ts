import { createPostkit, isPostkitError, type Postkit } from "@postkit/core";
import { isFenceStale, queue, type PulledJob, type Settlement } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from "vitest";

let db: TestDatabase;
let postkit: Postkit<{ queue: typeof queue }>;
let client: typeof postkit.queue;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
});
afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(() => {
  tests += 1;
  postkit = createPostkit({ db: db.app, namespace: `tenant ${tests}`, modules: { queue } });
  client = postkit.queue;
});

async function pulled(options: Parameters<typeof client.push>[2] = {}): Promise<PulledJob> {
  await client.push("email", { n: 1 }, options);
  const job = await client.pull("email");
  if (job === null) throw new Error("There was no job.");
  return job;
}

/** The time of a job is over, without anybody's waiting for it. */
async function runOut(id: string): Promise<void> {
  await db.super.query(
    "update queue.leases set expires_at = now() - interval '1 second' where id = $1",
    [id],
  );
}

describe("pull, pullBatch and pullAny", () => {
  it("give a job with its fence, and null when there is none", async () => {
    const id = await client.push("email", { n: 1 });
    const job = await client.pull("email", { workerId: "w-1", visibilityTimeoutMs: 90_500 });
    expect(job).toMatchObject({
      id,
      payload: { n: 1 },
      status: "running",
      attempts: 1,
      lockedBy: "w-1",
      fence: expect.stringMatching(/^[1-9]\d*$/),
    });
    expect(Number(job?.visibilityTimeoutAt) - Number(job?.lockedAt)).toBe(90_500);
    expectTypeOf(job).toEqualTypeOf<PulledJob | null>();
    expectTypeOf<PulledJob["fence"]>().toBeString();
    expectTypeOf<PulledJob["payload"]>().toBeUnknown();
    expect(await client.pull("email")).toBeNull();
    expect(await client.pullBatch("email")).toEqual([]);
    expect(await client.pullAny(["email", "other"])).toBeNull();
    expect(await client.pullAny([])).toBeNull();
  });

  it("give the jobs of a batch in the order in which they are to run, ten unless more are asked for", async () => {
    await client.pushBatch(
      "email",
      Array.from({ length: 12 }, (_, n) => n),
    );
    const last = await client.push("email", "first", { priority: 1 });
    const ten = await client.pullBatch("email", { workerId: "w" });
    expect(ten.map(({ payload }) => payload)).toEqual(["first", 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(ten[0]).toMatchObject({ id: last, lockedBy: "w" });
    expect(await client.pullBatch("email", { limit: 1000 })).toHaveLength(3);
  });

  it("serve queues in the order in which they are given", async () => {
    await client.push("low", 1);
    await client.push("high", 2);
    expect(await client.pullAny(["none", "high", "low"])).toMatchObject({ payload: 2 });
    expect(await client.pullAny(["high", "low"])).toMatchObject({ payload: 1 });
  });

  it("give the job back when their transaction rolls back, attempt and all", async () => {
    await client.push("email", {});
    const failing = postkit.transaction(async (tx) => {
      expect(await tx.queue.pull("email")).toMatchObject({ attempts: 1 });
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await client.pull("email")).toMatchObject({ attempts: 1 });
  });
});

describe("settling a job", () => {
  it("done, it is gone", async () => {
    const job = await pulled();
    expect(await client.ack(job)).toBeUndefined();
    expect(await client.getJob(job.id)).toBeNull();
  });

  it("needs no more than its id and its fence", async () => {
    const { id, fence } = await pulled();
    await client.ack({ id, fence });
    expect(await client.getJob(id)).toBeNull();
  });

  it("commits with the work of its transaction, or not at all", async () => {
    const job = await pulled();
    const failing = postkit.transaction(async (tx) => {
      await tx.queue.push("email", "follow-up");
      await tx.queue.ack(job);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await client.listJobs()).toMatchObject([{ id: job.id, status: "running" }]);
    await postkit.transaction(async (tx) => {
      await tx.queue.push("email", "follow-up");
      await tx.queue.ack(job);
    });
    expect(await client.listJobs()).toMatchObject([{ payload: "follow-up", status: "pending" }]);
  });

  it("many at once, all of them or none", async () => {
    await client.pushBatch("email", [1, 2, 3]);
    const jobs = await client.pullBatch("email");
    await expect(client.ackBatch([...jobs, { id: "1", fence: "1" }])).rejects.toSatisfy(
      isFenceStale,
    );
    expect(await client.getStats()).toMatchObject({ running: "3" });
    expect(await client.ackBatch(jobs)).toBe(3);
    expect(await client.ackBatch([])).toBe(0);
    expect(await client.getStats()).toMatchObject({ totalJobs: "0" });
  });

  it("failed, it waits as it is told, and is a dead letter when its attempts are used up", async () => {
    const job = await pulled({ maxAttempts: 2 });
    expect(await client.nack(job, { error: "smtp: 451", backoffMs: 0 })).toBe(true);
    expect(await client.getJob(job.id)).toMatchObject({ error: "smtp: 451", status: "pending" });
    const again = await client.pull("email");
    expect(again).toMatchObject({ id: job.id, attempts: 2 });
    expect(await client.nack(again ?? job, { error: "smtp: 550" })).toBe(false);
    expect(await client.listDeadLetters()).toMatchObject([
      { originalJobId: job.id, lastError: "smtp: 550", reasonCode: "attempts" },
    ]);
  });

  it("failed, it waits as its queue says unless it is told otherwise", async () => {
    const [first, second] = [await pulled(), await pulled()];
    await client.nack(first);
    await client.nack(second, { backoffMs: 1500 });
    const waits = await Promise.all(
      [first, second].map(async ({ id }) => {
        const job = await client.getJob(id);
        return Number(job?.scheduledAt) - Number(job?.updatedAt);
      }),
    );
    expect(waits).toEqual([30_000, 1500]);
  });

  it("given up, it is a dead letter with attempts left", async () => {
    const job = await pulled();
    expect(await client.fail(job, { error: "no such customer" })).toBeUndefined();
    expect(await client.listDeadLetters()).toMatchObject([
      { originalJobId: job.id, attempts: 1, reasonCode: "failed" },
    ]);
  });

  it("given back, its attempt does not count unless that is asked for", async () => {
    const job = await pulled();
    expect(await client.release(job)).toBeUndefined();
    const again = await client.pull("email");
    expect(again).toMatchObject({ id: job.id, attempts: 1 });
    await client.release(again ?? job, { countAttempt: true });
    expect(await client.pull("email")).toMatchObject({ id: job.id, attempts: 2 });
  });

  it("extended, its deadline moves from where it was", async () => {
    const job = await pulled();
    expect(await client.extendVisibility(job, 90_500)).toBeUndefined();
    const { visibilityTimeoutAt } = (await client.getJob(job.id)) ?? {};
    expect(Number(visibilityTimeoutAt) - Number(job.visibilityTimeoutAt)).toBe(90_500);
  });
});

describe("heartbeat", () => {
  it("counts from now, and tells in the order of the jobs what is with them", async () => {
    await client.pushBatch("email", [1, 2, 3]);
    const [a, b, c] = await client.pullBatch("email", { visibilityTimeoutMs: 3_600_000 });
    if (!a || !b || !c) throw new Error("There were not enough jobs.");
    await runOut(b.id);
    await client.requestCancel(c.id);
    expect(await client.heartbeat([c, b, a], 60_000)).toEqual([
      { id: c.id, status: "cancel_requested" },
      { id: b.id, status: "stale" },
      { id: a.id, status: "held" },
    ]);
    const { visibilityTimeoutAt, updatedAt } = (await client.getJob(a.id)) ?? {};
    expect(Number(visibilityTimeoutAt) - Number(updatedAt)).toBe(60_000);
    expect(await client.heartbeat([], 60_000)).toEqual([]);
  });
});

describe("settle", () => {
  it("settles each job in its own way, and tells in their order what became of them", async () => {
    await client.setConfig({ archiveCompleted: true });
    await client.pushBatch("email", [1, 2, 3, 4, 5, 6, 7], { maxAttempts: 1 });
    const jobs = await client.pullBatch("email");
    const [acked, nacked, failed, released, counted, cancelled, late] = jobs as [
      PulledJob,
      PulledJob,
      PulledJob,
      PulledJob,
      PulledJob,
      PulledJob,
      PulledJob,
    ];
    await runOut(late.id);
    const settlements: Settlement[] = [
      { job: late, outcome: "ack" },
      { job: cancelled, outcome: "cancel", error: "asked for" },
      { job: counted, outcome: "release", countAttempt: true },
      { job: released, outcome: "release" },
      { job: failed, outcome: "fail", error: "no" },
      { job: nacked, outcome: "nack", error: "again", backoffMs: 1000 },
      { job: acked, outcome: "ack" },
    ];
    expect(await client.settle(settlements)).toEqual(
      ["stale", "ok", "ok", "ok", "ok", "dead", "ok"].map((status, index) => ({
        id: settlements[index]?.job.id,
        status,
      })),
    );
    const states = await Promise.all(jobs.map(async ({ id }) => client.getJob(id)));
    expect(states).toMatchObject([
      { status: "completed", error: null },
      { status: "dead", error: "again" },
      { status: "dead", error: "no" },
      { status: "pending", attempts: 0 },
      { status: "pending", attempts: 1 },
      { status: "cancelled", error: "asked for" },
      { status: "running" },
    ]);
    expect(await client.settle([])).toEqual([]);
  });

  it("lets a failed job wait as it is told, or as its queue says", async () => {
    const [first, second] = [await pulled(), await pulled()];
    await client.settle([
      { job: first, outcome: "nack" },
      { job: second, outcome: "nack", backoffMs: 1500 },
    ]);
    const waits = await Promise.all(
      [first, second].map(async ({ id }) => {
        const job = await client.getJob(id);
        return Number(job?.scheduledAt) - Number(job?.updatedAt);
      }),
    );
    expect(waits).toEqual([30_000, 1500]);
  });
});

describe("a job that is no longer the caller's", () => {
  const calls: Record<string, (job: PulledJob) => Promise<unknown>> = {
    ack: (job) => client.ack(job),
    ackBatch: (job) => client.ackBatch([job]),
    nack: (job) => client.nack(job),
    fail: (job) => client.fail(job),
    release: (job) => client.release(job),
    extendVisibility: (job) => client.extendVisibility(job, 1000),
  };

  it.each(Object.keys(calls))("is refused by %s, and stays as it is", async (name) => {
    const job = await pulled();
    await client.release(job);
    const taken = await client.pull("email");
    const error: unknown = await calls[name]?.(job).catch((reason: unknown) => reason);
    expect(isFenceStale(error)).toBe(true);
    expect(error).toMatchObject({ module: "queue", code: "FENCE_STALE", sqlstate: "40001" });
    expect(await client.getJob(job.id)).toEqual(taken);
    await runOut(job.id);
    await expect(calls[name]?.(taken ?? job)).rejects.toSatisfy(isFenceStale);
  });

  it("is not what another conflict of that SQLSTATE says", async () => {
    const conflict: unknown = await db.app
      .query("do $$ begin raise exception 'try again' using errcode = '40001'; end $$")
      .catch((reason: unknown) => reason);
    expect(conflict).toMatchObject({ code: "40001" });
    expect(isFenceStale(conflict)).toBe(false);
    for (const none of [undefined, null, new Error("FENCE_STALE"), { code: "FENCE_STALE" }]) {
      expect(isFenceStale(none)).toBe(false);
    }
  });

  it("is not another tenant's either", async () => {
    const job = await pulled();
    await expect(postkit.withNamespace("other").queue.ack(job)).rejects.toSatisfy(isFenceStale);
    expect(await client.getJob(job.id)).toEqual(job);
  });
});

describe("what cannot be settled is refused with a code", () => {
  const job = { id: "1", fence: "1" };

  it.each<[string, () => Promise<unknown>, string]>([
    ["no job", () => client.ack(null as never), "queue.VAL_JOB_ID_NULL"],
    ["no id", () => client.ack({ fence: "1" } as never), "queue.VAL_JOB_ID_NULL"],
    ["a job that nobody has", () => client.ack({ id: "1", fence: null }), "queue.VAL_FENCE_NULL"],
    ["an id in words", () => client.nack({ id: "one", fence: "1" }), "core.VAL_ARGUMENT"],
    ["a fence in words", () => client.fail({ id: "1", fence: "1; drop" }), "core.VAL_ARGUMENT"],
    [
      "a fence beyond 64 bits",
      () => client.release({ id: "1", fence: "9".repeat(19) }),
      "core.VAL_ARGUMENT",
    ],
    ["no array", () => client.ackBatch(job as never), "core.VAL_ARGUMENT"],
    ["a hole", () => client.ackBatch(Array(1) as never), "queue.VAL_JOB_ID_NULL"],
    ["one twice", () => client.ackBatch([job, job]), "queue.VAL_ACK_BATCH_DUPLICATE_JOB"],
    [
      "one without a fence",
      () => client.ackBatch([{ id: "1", fence: null }]),
      "queue.VAL_FENCE_NULL",
    ],
    [
      "too many",
      () => client.ackBatch(Array.from({ length: 1001 }, () => job)),
      "queue.VAL_BATCH_TOO_LARGE",
    ],
    [
      "an error that is no text",
      () => client.nack(job, { error: new Error("no") as never }),
      "core.VAL_ARGUMENT",
    ],
    [
      "a backoff of no number",
      () => client.nack(job, { backoffMs: Infinity }),
      "core.VAL_ARGUMENT",
    ],
    [
      "maybe an attempt",
      () => client.release(job, { countAttempt: "yes" as never }),
      "core.VAL_ARGUMENT",
    ],
    [
      "no extension",
      () => client.extendVisibility(job, undefined as never),
      "queue.VAL_EXTENSION_POSITIVE",
    ],
    [
      "an extension of nothing",
      () => client.extendVisibility(job, 0),
      "queue.VAL_EXTENSION_POSITIVE",
    ],
    ["a heartbeat of nothing", () => client.heartbeat([job], -1), "queue.VAL_EXTENSION_POSITIVE"],
    ["a heartbeat of words", () => client.heartbeat([job], "long" as never), "core.VAL_ARGUMENT"],
    ["no settlements", () => client.settle(undefined as never), "core.VAL_ARGUMENT"],
    ["no settlement", () => client.settle([null as never]), "core.VAL_ARGUMENT"],
    ["no outcome", () => client.settle([{ job } as never]), "queue.VAL_OUTCOME_UNKNOWN"],
    [
      "another outcome",
      () => client.settle([{ job, outcome: "lose" as "ack" }]),
      "queue.VAL_OUTCOME_UNKNOWN",
    ],
    [
      "an outcome without a job",
      () => client.settle([{ outcome: "ack" } as never]),
      "queue.VAL_JOB_ID_NULL",
    ],
    ["a pull of no queue", () => client.pull(undefined as never), "queue.VAL_QUEUE_NULL"],
    [
      "a pull of one that is none",
      () => client.pull({ name: "email" } as never),
      "core.VAL_ARGUMENT",
    ],
    [
      "a pull for no time",
      () => client.pull("email", { visibilityTimeoutMs: 0 }),
      "queue.VAL_INTERVAL_NOT_POSITIVE",
    ],
    [
      "a pull by an object",
      () => client.pull("email", { workerId: {} as never }),
      "core.VAL_ARGUMENT",
    ],
    [
      "a pull of too many",
      () => client.pullBatch("email", { limit: 1001 }),
      "queue.VAL_LIMIT_TOO_LARGE",
    ],
    ["queues that are none", () => client.pullAny("email" as never), "core.VAL_ARGUMENT"],
    [
      "a queue that is null",
      () => client.pullAny(["email", null as never]),
      "queue.VAL_QUEUE_NULL",
    ],
  ])("%s", async (_, work, code) => {
    const error: unknown = await work().then(
      () => "It was not refused.",
      (reason: unknown) => reason,
    );
    expect(isPostkitError(error, code), String(error)).toBe(true);
  });
});
