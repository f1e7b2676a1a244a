import { type JobAbortedError, queue, type WorkerJob } from "@postkit/queue";
import { createTestDatabase, startProxy, type TestDatabase, waitFor } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { allSettled, gate, openWorks, type Works, present } from "./support/works.ts";

let db: TestDatabase;
let works: Works;
let client: Works["queue"];

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
});

afterAll(() => db.drop());

beforeEach(async () => {
  works = openWorks(db);
  client = works.queue;
  await client.setConfig({ backoffKind: "constant", backoffBase: 20, backoffJitter: 0 });
  return () => works[Symbol.asyncDispose]();
});

/** Handlers that wait for their signal, and what they were told. */
function obedient() {
  const started: WorkerJob[] = [];
  const reasons: string[] = [];
  return {
    started,
    reasons,
    handler: (job: WorkerJob, { signal }: { signal: AbortSignal }) => {
      started.push(job);
      return new Promise<void>((_, reject) => {
        const end = () => {
          const { why } = signal.reason as JobAbortedError;
          reasons.push(why);
          reject(signal.reason as Error);
        };
        if (signal.aborted) end();
        else signal.addEventListener("abort", end);
      });
    },
  };
}

const starts = ({ started }: { started: unknown[] }, count: number) =>
  waitFor(() => started.length >= count, { what: `${count} starts` });

/** Has another worker take a job away from the one that has it. */
async function steal(queueName: string): Promise<{ id: string; fence: string }> {
  await db.super.query(
    `update queue.leases set locked_at = locked_at - interval '1 hour',
       expires_at = clock_timestamp() - interval '1 second'
     where namespace = $1`,
    [works.tenant],
  );
  return waitFor(async () => {
    await client.tickTimeouts();
    return client.pull(queueName);
  });
}

describe("the signal of a job", () => {
  it("is aborted when the job runs too long, and the attempt has failed", async () => {
    const jobs = obedient();
    works.work("q", jobs.handler, { timeoutMs: 30 });
    await client.push("q", 1, { maxAttempts: 2 });
    await starts(jobs, 2);
    await allSettled(works);
    expect(jobs.reasons).toEqual(["timeout", "timeout"]);
    expect(jobs.started[1]?.error).toContain("the job ran longer than 30 ms");
    expect(await client.listDeadLetters()).toMatchObject([{ reasonCode: "attempts", attempts: 2 }]);
  });

  it("is not aborted when the job ends in time, and a late timer does no harm", async () => {
    const seen: AbortSignal[] = [];
    works.work("q", (_, { signal }) => void seen.push(signal), { timeoutMs: 50 });
    await client.push("q", 1);
    await allSettled(works);
    await client.push("q", 2, { delayMs: 100 });
    await waitFor(() => seen.length === 2);
    expect(seen.map(({ aborted }) => aborted)).toEqual([false, false]);
  });

  it("is aborted already for who asks late", async () => {
    const { promise, open } = gate<AbortSignal>();
    const [begun, ready] = [gate(), gate()];
    works.work(
      "q",
      async (_, context) => {
        begun.open();
        await ready.promise;
        open(context.signal);
      },
      { timeoutMs: 20, concurrency: 1 },
    );
    // A job that began later and may run longer has run into its time-out by then.
    const other = obedient();
    works.work("other", other.handler, { timeoutMs: 40 });
    await client.push("q", 1);
    await begun.promise;
    await client.push("other", 1);
    await waitFor(() => other.reasons.length === 1);
    ready.open();
    expect(await promise).toMatchObject({ aborted: true, reason: { why: "timeout" } });
  });

  it("does not undo what a handler has done that resolves all the same", async () => {
    works.work("q", (_, context) => aborted(context), { timeoutMs: 20 });
    await client.push("q", 1, { maxAttempts: 1 });
    await allSettled(works);
    expect(await client.listDeadLetters()).toEqual([]);
  });

  it("is aborted soon after the job's cancellation was asked for, long before a heartbeat", async () => {
    await client.setConfig({ archiveCompleted: true });
    const jobs = obedient();
    await works.work("q", jobs.handler, { leaseMs: 3_600_000 }).ready;
    const id = await works.push("q", 1);
    await starts(jobs, 1);
    expect(await client.requestCancel(id)).toBe(true);
    await waitFor(() => jobs.reasons.length === 1);
    await allSettled(works);
    expect(jobs.reasons).toEqual(["cancel"]);
    expect(await client.getJob(id)).toMatchObject({ status: "cancelled" });
    expect(works.errors).toEqual([]);
  });

  it("is aborted by a heartbeat where cancellations are not heard", async () => {
    const jobs = obedient();
    works.work("q", jobs.handler, { listen: false, pollIntervalMs: 20, leaseMs: 1_000 });
    const id = await works.push("q", 1);
    await starts(jobs, 1);
    await client.requestCancel(id);
    await waitFor(() => jobs.reasons.length === 1);
    expect(jobs.reasons).toEqual(["cancel"]);
  });

  it("leaves the other jobs of the worker alone when one is cancelled", async () => {
    const jobs = obedient();
    await works.work("q", jobs.handler, { leaseMs: 3_600_000 }).ready;
    const ids = [await works.push("q", 1), await works.push("q", 2)] as const;
    await starts(jobs, 2);
    await client.requestCancel(ids[1]);
    await allEnded(ids[1]);
    expect(jobs.reasons).toEqual(["cancel"]);
    expect(await client.getJob(ids[0])).toMatchObject({ status: "running" });
  });

  it("is aborted when another worker has the job, and nothing of the late handler counts", async () => {
    const jobs = obedient();
    works.work("q", jobs.handler, { leaseMs: 1_000, concurrency: 1 });
    await client.push("q", 1);
    await starts(jobs, 1);
    const stolen = await steal("q");
    await waitFor(() => jobs.reasons.length === 1);
    expect(jobs.reasons).toEqual(["lost"]);
    await waitFor(() => works.errors.length === 1);
    await client.ack(stolen);
  });

  it("of a worker that has the job a second time is aborted for the first", async () => {
    const jobs = obedient();
    const worker = works.work("q", jobs.handler, { leaseMs: 1_000, concurrency: 2 });
    await client.push("q", 1);
    await starts(jobs, 1);
    await db.super.query(
      `update queue.leases set locked_at = locked_at - interval '1 hour',
         expires_at = clock_timestamp() - interval '1 second'
       where namespace = $1`,
      [works.tenant],
    );
    await client.tickTimeouts();
    await starts(jobs, 2);
    await waitFor(() => jobs.reasons.length === 1);
    expect(jobs.reasons).toEqual(["lost"]);
    expect(worker.load.running).toBe(1);
    expect(await client.getJob(present(jobs.started[1]).id)).toMatchObject({
      status: "running",
      fence: present(jobs.started[1]).fence,
    });
  });
});

describe("a job that was lost", () => {
  it.each(["resolves", "throws"])("is not settled by a handler that %s late", async (how) => {
    const { promise, open } = gate();
    const started = gate();
    works.work(
      "q",
      async () => {
        started.open();
        await promise;
        if (how === "throws") throw new Error("late");
      },
      // Its heartbeats are too far apart to tell it.
      { leaseMs: 3_600_000, concurrency: 1 },
    );
    await client.push("q", 1);
    await started.promise;
    const stolen = await steal("q");
    open();
    await waitFor(() => works.errors.length >= (how === "throws" ? 2 : 1));
    expect(works.errors.at(-1)).toEqual({
      error: expect.objectContaining({ module: "queue", code: "FENCE_STALE" }),
      job: undefined,
    });
    await client.ack(stolen);
  });
});

describe("a handler that ignores its signal", () => {
  it("is abandoned after a while: its place is free and its attempt has failed", async () => {
    const never = gate();
    const calls: unknown[] = [];
    const worker = works.work(
      "q",
      ({ payload }) => {
        calls.push(payload);
        return calls.length === 1 ? never.promise : undefined;
      },
      { concurrency: 1, timeoutMs: 20, abandonMs: 50 },
    );
    await client.push("q", "stuck");
    await client.push("q", "next");
    await waitFor(() => calls.length === 3);
    await allSettled(works);
    expect(new Set(calls)).toEqual(new Set(["next", "stuck"]));
    never.open();
    await worker.drain();
    expect(works.errors.map(({ error }) => (error as Error).name)).toEqual(["JobAbortedError"]);
  });
});

describe("a heartbeat", () => {
  it("keeps a job for longer than its lease", async () => {
    const { promise, open } = gate();
    const attempts: number[] = [];
    works.work("q", (job) => (attempts.push(job.attempts), promise), { leaseMs: 1_000 });
    const id = await works.push("q", 1);
    const lease = () =>
      waitFor(async () => {
        const job = await client.getJob(id);
        return job?.visibilityTimeoutAt == null ? undefined : job.visibilityTimeoutAt.getTime();
      });
    const first = await lease();
    await waitFor(async () => (await lease()) > first + 1_500);
    expect(await client.tickTimeouts()).toEqual([]);
    open();
    await allSettled(works);
    expect(attempts).toEqual([1]);
    expect(works.errors).toEqual([]);
  });

  it("of the handler keeps the job at once, and tells that it is to be given up", async () => {
    const told = gate<unknown>();
    const kept = gate<Date>();
    const goOn = gate();
    works.work(
      "q",
      async (job, context) => {
        const leased = present((await client.getJob(job.id))?.visibilityTimeoutAt);
        await context.heartbeat();
        const extended = present((await client.getJob(job.id))?.visibilityTimeoutAt);
        kept.open(new Date(extended.getTime() - leased.getTime()));
        await goOn.promise;
        await context.heartbeat().catch(told.open);
      },
      { leaseMs: 3_600_000, listen: false, pollIntervalMs: 20 },
    );
    const id = await works.push("q", 1);
    expect((await kept.promise).getTime()).toBeGreaterThan(0);
    await client.requestCancel(id);
    goOn.open();
    expect(await told.promise).toMatchObject({ name: "JobAbortedError", why: "cancel" });
  });

  it("that gets no answer before the lease is over aborts the job", async () => {
    await using proxy = await startProxy(db.appUrl);
    await using behind = openWorks(db, { connectionString: proxy.url });
    const jobs = obedient();
    behind.work("q", jobs.handler, { leaseMs: 1_000, maintain: false });
    await behind.queue.push("q", 1);
    await starts(jobs, 1);
    proxy.stall();
    await waitFor(() => jobs.reasons.length === 1);
    expect(jobs.reasons).toEqual(["lost"]);
    proxy.cut();
    proxy.resume();
  });
});

/** Resolves when the signal is aborted. */
function aborted(context: { signal: AbortSignal }): Promise<void> {
  return new Promise((resolve) => context.signal.addEventListener("abort", () => resolve()));
}

async function allEnded(id: string): Promise<void> {
  await waitFor(async () => (await client.getJob(id))?.status !== "running");
}
