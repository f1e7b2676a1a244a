import { createPostkit } from "@postkit/core";
import {
  defineQueue,
  type JobContext,
  type JobHandler,
  queue,
  RetryLaterError,
  UnrecoverableError,
  type WorkerJob,
  type WorkOptions,
} from "@postkit/queue";
import { createTestDatabase, type TestDatabase, waitFor } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";

import {
  allSettled,
  gate,
  openWorks,
  type QueuePostkit,
  record,
  type Works,
  present,
} from "./support/works.ts";

let db: TestDatabase;
let works: Works;
let client: Works["queue"];

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
});

afterAll(() => db.drop());

beforeEach(() => {
  works = openWorks(db);
  client = works.queue;
  return () => works[Symbol.asyncDispose]();
});

const reported = () => works.errors.map(({ error }) => error);

describe("a worker", () => {
  it("runs what was pushed before it came and what is pushed later, and settles it", async () => {
    const { handler, payloads, calls } = record();
    await client.push("q", "before");
    await works.work("q", handler).ready;
    await calls(1);
    await client.push("q", "later");
    await calls(2);
    await allSettled(works);
    expect(payloads()).toEqual(["before", "later"]);
    expect(works.errors).toEqual([]);
  });

  it("gives the handler the job as it was pushed", async () => {
    const { handler, jobs, calls } = record();
    const worker = works.work("q", handler);
    const actor = { actorId: "user:alice", requestId: "r1" };
    const id = await works.postkit
      .withActor(actor)
      .queue.push(
        "q",
        { to: ["a"], n: 1.5 },
        { priority: 7, maxAttempts: 4, uniqueKey: "k", tags: ["t"], metadata: { a: null } },
      );
    await calls(1);
    expect(jobs).toEqual([
      {
        namespace: works.tenant,
        id,
        fence: expect.stringMatching(/^\d+$/),
        queue: "q",
        payload: { to: ["a"], n: 1.5 },
        priority: 7,
        attempts: 1,
        maxAttempts: 4,
        scheduledAt: expect.any(Date),
        createdAt: expect.any(Date),
        error: null,
        uniqueKey: "k",
        tags: ["t"],
        metadata: { a: null },
        ...actor,
        onBehalfOf: null,
        reason: null,
      },
    ]);
    expect(Math.abs(Date.now() - Number(jobs[0]?.createdAt))).toBeLessThan(60_000);
    await worker.drain();
    expect(await client.push("q", 1, { uniqueKey: "k" })).not.toBeNull();
  });

  it("is in lockedBy by the name it was given", async () => {
    const { promise, open } = gate();
    const { handler, calls, jobs } = record(() => promise);
    const worker = works.work("q", handler, { workerId: "me" });
    await client.push("q", 1);
    await calls(1);
    expect(worker.id).toBe("me");
    expect(await client.getJob(present(jobs[0]).id)).toMatchObject({
      status: "running",
      lockedBy: "me",
    });
    open();
  });

  it("runs no more at once than it may, and as many as it may", async () => {
    const { promise, open } = gate();
    let most = 0;
    let running = 0;
    const { handler, calls } = record(async () => {
      running += 1;
      most = Math.max(most, running);
      await promise;
      running -= 1;
    });
    await client.pushBatch(
      "q",
      Array.from({ length: 30 }, (_, index) => index),
    );
    const worker = works.work("q", handler, { concurrency: 7 });
    await calls(7);
    expect(worker.load.running).toBe(7);
    open();
    await calls(30);
    expect(most).toBe(7);
  });

  it("takes none ahead of jobs that are slow", async () => {
    const gates = Array.from({ length: 8 }, () => gate());
    const { handler, calls } = record((_, call) => gates[call - 1]?.promise);
    await client.pushBatch(
      "q",
      Array.from({ length: 8 }, (_, index) => index),
    );
    const worker = works.work("q", handler, { concurrency: 2 });
    await calls(2);
    expect(worker.load).toEqual({ running: 2, waiting: 0 });
    const { pending } = await client.getStats();
    expect(Number(pending)).toBe(6);
    gates.forEach(({ open }) => open());
    await calls(8);
  });

  it("takes them one by one by priority and then by age with a concurrency of 1", async () => {
    const { handler, calls, payloads } = record();
    for (const [payload, priority] of [
      ["c", 0],
      ["a", 5],
      ["d", 0],
      ["b", 5],
    ] as const) {
      await client.push("q", payload, { priority });
    }
    works.work("q", handler, { concurrency: 1, prefetchMax: 0 });
    await calls(4);
    expect(payloads()).toEqual(["a", "b", "c", "d"]);
  });

  it("serves queues in the order given", async () => {
    const { handler, calls, jobs } = record();
    await client.push("last", 1, { priority: 1000 });
    await client.push("first", 1);
    await client.push("first", 2);
    works.work(["first", "last"], handler, { concurrency: 1, prefetchMax: 0 });
    await calls(3);
    expect(jobs.map(({ queue: name }) => name)).toEqual(["first", "first", "last"]);
  });

  it("leaves the jobs of other queues and other tenants alone", async () => {
    const { handler, calls, payloads } = record();
    await client.push("other", "not mine");
    await works.postkit.withNamespace("somebody else").queue.push("q", "not mine either");
    const worker = works.work("q", handler);
    await client.push("q", "mine");
    await calls(1);
    await worker.drain();
    expect(payloads()).toEqual(["mine"]);
  });

  it("gives the handler a client of the job's tenant", async () => {
    const pushed = gate<string | null>();
    works.work("q", async (_, { postkit }: JobContext<QueuePostkit>) => {
      pushed.open(await postkit.queue.push("follow up", 1));
    });
    await client.push("q", 1);
    const id = present(await pushed.promise);
    expect(await client.getJob(id)).toMatchObject({ namespace: works.tenant });
  });

  it("runs a job only after the transaction that pushed it has committed", async () => {
    const { handler, payloads, calls } = record();
    await works.work("q", handler).ready;
    await works.postkit.transaction(async (tx) => {
      await tx.queue.push("q", "in the transaction");
      // A later one that is committed overtakes it.
      await client.push("q", "outside");
      await calls(1);
      expect(payloads()).toEqual(["outside"]);
    });
    await calls(2);
    expect(payloads()).toEqual(["outside", "in the transaction"]);
  });

  it("works without a connection to listen on", async () => {
    const { handler, calls } = record();
    const worker = works.work("q", handler, { listen: false, pollIntervalMs: 50 });
    await worker.ready;
    await client.push("q", 1);
    await calls(1);
    const { rows } = await db.super.query(
      "select is_waiting from queue.workers where namespace = $1",
      [works.tenant],
    );
    // So that nobody notifies it.
    expect(rows).toEqual([{ is_waiting: false }]);
  });

  it("goes on where an onError throws, and a warning tells of it", async () => {
    const { handler, calls } = record((_, call) => {
      if (call === 1) throw new Error("a bad job");
    });
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    const worker = works.work("q", handler, {
      onError: () => {
        throw new Error("a bad hook");
      },
    });
    const id = await works.push("q", 1);
    await calls(1);
    await waitFor(async () => (await client.getJob(id))?.status === "pending");
    await client.push("q", 2);
    await calls(2);
    await worker.drain();
    process.off("warning", onWarning);
    expect(warnings.map(({ message }) => message).join()).toContain("a bad hook");
  });
});

describe("options of work", () => {
  it.each([
    { concurrency: 0 },
    { concurrency: 1.5 },
    { prefetchMax: -1 },
    { leaseMs: 999 },
    { timeoutMs: 0 },
    { timeoutMs: Number.NaN },
    { timeoutMs: 2 ** 31 },
    { pollIntervalMs: 9 },
    { drainTimeoutMs: -1 },
    { abandonMs: Number.POSITIVE_INFINITY },
    { workerId: "" },
    { workerId: "x".repeat(257) },
  ])("that are out of range are refused: %o", (options) => {
    expect(() => client.work("q", () => {}, options)).toThrow(
      expect.objectContaining({ module: "core", code: "VAL_ARGUMENT" }),
    );
  });

  it("need a handler, a queue, and no transaction", async () => {
    const invalid = expect.objectContaining({ code: "VAL_ARGUMENT" });
    expect(() => client.work("q", undefined as never)).toThrow(invalid);
    expect(() => client.work([], () => {})).toThrow(invalid);
    expect(() => client.work({} as never, () => {})).toThrow(invalid);
    await works.postkit.transaction(async (tx) => {
      expectTypeOf(tx.queue).not.toHaveProperty("work");
      const untyped = tx.queue as Works["queue"];
      expect(() => untyped.work("q", () => {})).toThrow(invalid);
    });
  });

  it("leave a connection of the pool free where handlers take one each", () => {
    expect(() => client.work("q", () => {}, { transactional: true, concurrency: 10 })).toThrow(
      expect.objectContaining({ code: "VAL_ARGUMENT" }),
    );
  });
});

describe("a handler that fails", () => {
  beforeEach(() =>
    client.setConfig({ backoffKind: "constant", backoffBase: 30, backoffJitter: 0 }),
  );

  it("is tried again after the wait of the settings, with the error before", async () => {
    const { handler, calls, jobs } = record((_, call) => {
      if (call === 1) throw new Error("not yet");
    });
    works.work("q", handler);
    await client.push("q", 1);
    await calls(2);
    await allSettled(works);
    expect(jobs.map(({ attempts }) => attempts)).toEqual([1, 2]);
    expect(jobs[1]?.error).toMatch(/^Error: not yet\n +at .*worker\.sdk\.test/);
    expect(works.errors).toEqual([
      { error: expect.objectContaining({ message: "not yet" }), job: jobs[0] },
    ]);
  });

  it("is tried again by another worker that waits, when its own is gone", async () => {
    const failing = record(() => {
      throw new Error("not here");
    });
    const succeeding = record();
    await client.setConfig({ backoffBase: 300 });
    const first = works.work("q", failing.handler);
    await first.ready;
    await client.push("q", 1);
    await failing.calls(1);
    const second = works.work("q", succeeding.handler);
    await Promise.all([first.drain(), second.ready]);
    await succeeding.calls(1);
    expect(succeeding.jobs).toMatchObject([{ attempts: 2 }]);
  });

  it("makes the job a dead letter with its last attempt", async () => {
    const { handler, calls } = record(() => {
      throw new Error("never");
    });
    works.work("q", handler);
    await client.push("q", 1, { maxAttempts: 2 });
    await calls(2);
    await allSettled(works);
    expect(await client.listDeadLetters()).toEqual([
      expect.objectContaining({
        reasonCode: "attempts",
        attempts: 2,
        lastError: expect.stringContaining("Error: never"),
      }),
    ]);
  });

  it("makes it a dead letter at once with an UnrecoverableError", async () => {
    const { handler } = record(() => {
      throw new UnrecoverableError("no such user");
    });
    works.work("q", handler);
    await client.push("q", 1);
    await allSettled(works);
    expect(await client.listDeadLetters()).toEqual([
      expect.objectContaining({
        reasonCode: "failed",
        attempts: 1,
        lastError: expect.stringContaining("UnrecoverableError: no such user"),
      }),
    ]);
  });

  it("says itself how long it waits with a RetryLaterError", async () => {
    await client.setConfig({ backoffBase: "PT1H" });
    const { handler, calls, jobs } = record((_, call) => {
      if (call === 1) throw new RetryLaterError(50);
    });
    works.work("q", handler);
    await client.push("q", 1);
    await calls(2);
    expect(jobs.map(({ attempts }) => attempts)).toEqual([1, 2]);
    expect(works.errors).toEqual([]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 3.2e12, 1e15])(
    "does not stop the worker with a wait of %d ms",
    async (delayMs) => {
      const { handler, calls, jobs } = record((_, call) => {
        if (call === 1) throw new RetryLaterError(delayMs);
      });
      works.work("q", handler);
      await client.push("q", 1);
      await calls(2);
      expect(jobs[1]?.error).toContain("core.VAL_ARGUMENT");
    },
  );

  const hostile: readonly [string, unknown, string][] = [
    ["a text", "out of paper", "out of paper"],
    ["nothing", undefined, "undefined"],
    ["an object", { code: 7 }, '{"code":7}'],
    ["a NUL and half a character", new Error("a\0b\ud800c"), "Error: ab\ufffdc"],
    ["a long text", "x".repeat(100_000), "x".repeat(8_000)],
    ["a circle", Object.assign({}, { toJSON: () => undefined }), "an error that cannot be shown"],
    ["its cause", new Error("a", { cause: new Error("b") }), "Error: a"],
    ["a stack of its own", Object.assign(new Error("m"), { stack: 7 }), "Error: m"],
    [
      "what throws when it is looked at",
      new Proxy(new Error("m"), {
        get() {
          throw new Error("do not look");
        },
      }),
      "an error that cannot be shown",
    ],
  ];
  it.each(hostile)("leaves what can be kept of its error: %s", async (_, error, kept) => {
    const { handler, calls, jobs } = record((_job, call) => {
      if (call === 1) throw error;
    });
    works.work("q", handler);
    await client.push("q", 1);
    await calls(2);
    expect(jobs[1]?.error?.slice(0, kept.length)).toBe(kept);
    expect(jobs[1]?.error?.length).toBeLessThanOrEqual(8_000);
  });
});

describe("onDead", () => {
  beforeEach(() => client.setConfig({ backoffKind: "constant", backoffBase: 0, backoffJitter: 0 }));

  interface Told {
    readonly job: WorkerJob;
    readonly error: unknown;
  }
  /** Works with a handler until all jobs have ended, and gives what was told of dead letters. */
  async function deadOf(handler: JobHandler<unknown, QueuePostkit>, options: WorkOptions = {}) {
    const told: Told[] = [];
    const onDead = (job: WorkerJob, error: unknown) => void told.push({ job, error });
    const worker = works.work("q", handler, { onDead, ...options });
    await allSettled(works);
    await worker.drain();
    return told;
  }

  it("is told of a job whose last attempt failed, with that failure, and of no attempt before", async () => {
    const id = await works.push("q", { n: 1 }, { maxAttempts: 3 });
    const thrown = [new Error("first"), new Error("second"), new Error("third")];
    const { handler } = record((_, call) => {
      throw present(thrown[call - 1]);
    });
    const [told, ...others] = await deadOf(handler);
    expect(others).toEqual([]);
    expect(told?.job).toMatchObject({ id, queue: "q", payload: { n: 1 }, attempts: 3 });
    expect(told?.error).toBe(thrown[2]);
    expect(reported()).toEqual(thrown);
  });

  it("is told when the last attempt threw a RetryLaterError, of which onError is not", async () => {
    await works.push("q", 1, { maxAttempts: 2 });
    const { handler } = record(() => {
      throw new RetryLaterError(0, "429");
    });
    expect(await deadOf(handler)).toEqual([
      {
        job: expect.objectContaining({ attempts: 2 }),
        error: expect.objectContaining({ name: "RetryLaterError", message: "429" }),
      },
    ]);
    expect(works.errors).toEqual([]);
  });

  it("is told of an UnrecoverableError, and of a payload that the schema refuses", async () => {
    await works.push("q", "bad");
    await works.push("q", { to: "alice" });
    const typed = defineQueue({ name: "q", payload: z.object({ to: z.string() }) });
    const told: Told[] = [];
    works.work(
      typed,
      () => {
        throw new UnrecoverableError("no such user");
      },
      { concurrency: 1, onDead: (job, error) => told.push({ job, error }) },
    );
    await waitFor(() => told.length === 2);
    expect(told).toMatchObject([
      { job: { payload: "bad" }, error: { code: "VAL_PAYLOAD_INVALID" } },
      { job: { payload: { to: "alice" } }, error: { message: "no such user" } },
    ]);
  });

  it("is told by a transactional worker, too", async () => {
    const fail = () => {
      throw new Error("never");
    };
    await works.push("q", 1, { maxAttempts: 1 });
    expect(await deadOf(fail, { transactional: true })).toHaveLength(1);
  });

  it("is not told of jobs that were done, nor of one that somebody else made a dead letter", async () => {
    await works.push("q", "done");
    await works.push("q", "lost", { maxAttempts: 1 });
    const told = await deadOf(async (job) => {
      if (job.payload === "done") return;
      await client.fail(job, { error: "by hand" });
      throw new Error("too late");
    });
    expect(told).toEqual([]);
    expect(await client.listDeadLetters()).toMatchObject([{ lastError: "by hand" }]);
  });

  it("makes a warning and no harm when it throws", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    await works.push("q", 1, { maxAttempts: 1 });
    const { handler, calls } = record((job) => {
      if (job.payload === 1) throw new Error("never");
    });
    works.work("q", handler, {
      onDead: () => {
        throw new Error("a bad hook");
      },
    });
    await calls(1);
    await works.push("q", 2);
    await calls(2);
    await allSettled(works);
    await waitFor(() => warnings.length > 0);
    process.off("warning", onWarning);
    expect(warnings.map(({ message }) => message)).toEqual([
      "onDead of a worker threw: a bad hook",
    ]);
  });
});

describe("a settlement that the database refuses", () => {
  const payloads = ["a", "b", "bad", "c", "d", "e", "f"];

  async function refuseOn(table: string): Promise<void> {
    await db.owner.query(
      `create or replace function public.refuse() returns trigger language plpgsql
       as $$ begin raise 'refused by a trigger'; end $$;
       create trigger refuse before insert on queue.${table} for each row
       when (new.payload = '"bad"') execute function public.refuse()`,
    );
  }

  const ofWorker = () =>
    works.errors.filter(({ job }) => job === undefined).map(({ error }) => String(error));

  it("is given up alone, and hinders no other", async () => {
    await refuseOn("dead_letters");
    const { promise, open } = gate();
    const { handler, calls } = record(async () => {
      await promise;
      throw new UnrecoverableError("all fail");
    });
    await client.pushBatch("q", payloads);
    works.work("q", handler, { leaseMs: 3_600_000 });
    await calls(payloads.length);
    open();
    await waitFor(async () => (await client.listDeadLetters()).length === payloads.length - 1);
    await waitFor(() => reported().some((error) => String(error).includes("by a trigger")));
    await client.push("q", "later");
    await waitFor(async () => (await client.listDeadLetters()).length === payloads.length);
    expect(ofWorker()).toEqual(["error: refused by a trigger"]);
  });

  it("of a job that is done does not keep the worker from others either", async () => {
    await refuseOn("archive");
    await client.setConfig({ archiveCompleted: true });
    const { promise, open } = gate();
    const { handler, calls } = record(() => promise);
    await client.pushBatch("q", payloads);
    works.work("q", handler, { leaseMs: 3_600_000 });
    await calls(payloads.length);
    open();
    await client.push("q", "later");
    await calls(payloads.length + 1);
    await waitFor(async () => (await client.getStats()).running === "1");
    await waitFor(() => ofWorker().length > 0);
    expect(ofWorker()).toEqual(["error: refused by a trigger"]);
  });
});

describe("a worker that is busy from its first look on", () => {
  it("is ready while its jobs run", async () => {
    const { promise, open } = gate();
    const { handler, payloads } = record(() => promise);
    await client.pushBatch("q", [1, 2, 3]);
    const worker = works.work("q", handler, { concurrency: 1, prefetchMax: 0 });
    await worker.ready;
    expect(payloads()).toEqual([1]);
    const { rows } = await db.super.query(
      "select is_waiting from queue.workers where namespace = $1",
      [works.tenant],
    );
    expect(rows).toEqual([{ is_waiting: false }]);
    open();
    await allSettled(works);
  });
});

describe("a worker whose handlers have taken all connections of the pool", () => {
  it("keeps its jobs, and settles them", async () => {
    await using small = openWorks(db, { max: 2 });
    const { promise, open } = gate();
    const { handler, calls } = record();
    small.work(
      "q",
      (job) => small.postkit.transaction(async () => (await handler(job, {} as never), promise)),
      { concurrency: 2, leaseMs: 1_000 },
    );
    await small.push("q", 1, { maxAttempts: 1 });
    await small.push("q", 2, { maxAttempts: 1 });
    await calls(2);
    const { rows } = await db.super.query<{ until: Date }>(
      "select max(expires_at) as until from queue.leases where namespace = $1",
      [small.tenant],
    );
    await waitFor(async () => {
      const { rows: kept } = await db.super.query(
        `select from queue.leases
         where namespace = $1 and expires_at > $2::timestamptz + interval '1500 milliseconds'`,
        [small.tenant, present(rows[0]).until],
      );
      return kept.length === 2;
    });
    open();
    await allSettled(small);
    expect(small.errors).toEqual([]);
    expect(await small.queue.listDeadLetters()).toEqual([]);
  });
});

describe("a worker of typed queues", () => {
  const emails = defineQueue({
    name: "email",
    payload: z.object({ to: z.string(), at: z.string().transform((text) => new Date(text)) }),
  });
  const counts = defineQueue({ name: "count", payload: z.number().transform((n) => n + 0.5) });

  it("gives the handler what the schema makes of the payload", async () => {
    const { handler, calls, payloads } = record();
    await client.push(emails, { to: "a", at: "2026-01-31T00:00:00Z" });
    await client.push(counts, 1);
    works.work([emails, counts], (job) => handler(job, {} as never), { concurrency: 1 });
    await calls(2);
    expect(payloads()).toEqual([{ to: "a", at: new Date("2026-01-31T00:00:00Z") }, 1.5]);
  });

  it("makes a payload that the schema refuses a dead letter without calling the handler", async () => {
    const { handler, jobs } = record();
    works.work(emails, (job) => handler(job, {} as never));
    await client.push("email", { to: 1 });
    await allSettled(works);
    expect(jobs).toEqual([]);
    expect(await client.listDeadLetters()).toEqual([
      expect.objectContaining({
        reasonCode: "failed",
        attempts: 1,
        lastError: expect.stringMatching(
          /^queue\.VAL_PAYLOAD_INVALID: .*caused by ZodError.*"to"/s,
        ),
      }),
    ]);
    expect(reported()).toEqual([
      expect.objectContaining({ module: "queue", code: "VAL_PAYLOAD_INVALID" }),
    ]);
  });
});

describe("an idle worker that does not poll", () => {
  /** A client that tells what is asked of the database, and by maintenance that some seconds have passed. */
  function observed() {
    const asked: string[] = [];
    const postkit = createPostkit({
      connectionString: db.appUrl,
      namespace: works.tenant,
      modules: { queue },
      onQuery: ({ name }) => asked.push(name),
    });
    const count = () => asked.filter((name) => name === "queue.tick_timeouts").length;
    return {
      postkit,
      asked,
      ticks: (times: number) =>
        waitFor(() => count() >= times, { what: `${times} seconds of maintenance` }),
    };
  }

  it("runs delayed jobs when they are due, also one that is due before the one it knows of", async () => {
    const { handler, calls, payloads } = record();
    await client.push("q", "second", { delayMs: 600 });
    await works.work("q", handler).ready;
    await client.push("q", "first", { delayMs: 100 });
    await calls(2);
    expect(payloads()).toEqual(["first", "second"]);
  });

  it("does not ask at all while there is nothing to do", async () => {
    const { postkit, asked, ticks } = observed();
    await using _postkit = postkit;
    await using worker = postkit.queue.work("q", () => {}, { pollIntervalMs: 3_600_000 });
    await worker.ready;
    await ticks(1);
    asked.length = 0;
    await ticks(2);
    expect(new Set(asked)).toEqual(new Set(["queue.tick_timeouts", "queue.tick_schedules"]));
  });

  it("does not ask without end for due jobs that nobody may take", async () => {
    const { handler, calls } = record();
    const { postkit, asked, ticks } = observed();
    await using _postkit = postkit;
    await client.push("q", 1, { runAt: new Date(Date.now() - 1_000) });
    await client.pauseQueue("q");
    await using worker = postkit.queue.work("q", handler, { pollIntervalMs: 3_600_000 });
    await worker.ready;
    await ticks(2);
    expect(asked.filter((name) => name === "queue.settle_and_pull").length).toBeLessThan(20);
    await client.resumeQueue("q");
    await calls(1);
  });

  it("does not ask without end while one job after the other is due that others have locked", async () => {
    const { handler, calls } = record();
    const { postkit, asked, ticks } = observed();
    await using _postkit = postkit;
    const jobs = Array.from({ length: 100 }, (_, index) => ({
      payload: index,
      delayMs: 500 + index * 20,
    }));
    for (const { payload, delayMs } of jobs) await client.push("q", payload, { delayMs });
    const other = await db.super.connect();
    await other.query("begin");
    await other.query("select from queue.deferred where namespace = $1 for update", [works.tenant]);
    await using worker = postkit.queue.work("q", handler, { pollIntervalMs: 2_000 });
    await worker.ready;
    await ticks(3);
    expect(asked.filter((name) => name === "queue.settle_and_pull").length).toBeLessThan(20);
    await other.query("rollback");
    other.release();
    await calls(jobs.length);
  });

  it("is woken by a release, by a queue that goes on, and by a dead letter that is retried", async () => {
    const { handler, calls, jobs } = record();
    const heldIds = [];
    for (const payload of ["released", "dead"]) heldIds.push(await client.push("q", payload));
    const [released, dead] = [await client.pull("q"), await client.pull("q")];
    await client.pauseQueue("other");
    await client.push("other", "paused");
    await works.work(["q", "other"], handler).ready;
    await client.release(present(released));
    await calls(1);
    await client.resumeQueue("other");
    await calls(2);
    await client.fail(present(dead));
    const [letter] = await client.listDeadLetters();
    await client.retryDeadLetter(present(letter).id);
    await calls(3);
    expect(jobs.map(({ payload }) => payload)).toEqual(["released", "paused", "dead"]);
  });

  it("tells again that it waits when that failed", async () => {
    const { handler, calls } = record();
    const own = await createTestDatabase({ modules: [queue] });
    await own.owner.query(`revoke insert on queue.workers from ${own.appRole}`);
    const refused = openWorks(own);
    const worker = refused.work("q", handler);
    await waitFor(() => refused.errors.length >= 2);
    await own.owner.query(`grant insert on queue.workers to ${own.appRole}`);
    await worker.ready;
    const { rows } = await own.super.query("select is_waiting from queue.workers");
    expect(rows).toEqual([{ is_waiting: true }]);
    await refused.push("q", 1);
    await calls(1);
    await refused[Symbol.asyncDispose]();
    await own.drop();
  });

  it("takes a job back from a dead worker of its tenant", async () => {
    const { handler, calls, jobs } = record();
    await client.push("q", 1);
    await client.pull("q", { visibilityTimeoutMs: 1_000 });
    works.work("q", handler);
    await calls(1);
    expect(jobs).toMatchObject([{ attempts: 2 }]);
  });
});

describe("a worker with the grant for workers", () => {
  it("maintains all tenants", async () => {
    await using own = await createTestDatabase({ modules: [queue] });
    await own.owner.query("select postkit.grant_role($1, 'worker')", [own.appRole]);
    await using granted = openWorks(own);
    const other = granted.postkit.withNamespace("another tenant").queue;
    const id = present(await other.push("q", 1));
    await other.pull("q", { visibilityTimeoutMs: 1 });
    granted.work("q", () => {});
    await waitFor(async () => (await other.getJob(id))?.status === "pending");
    expect(granted.errors).toEqual([]);
  });
});

describe("a worker with the grant for workers whose maintenance is refused inside", () => {
  it("tells of it, and goes on trying", async () => {
    await using own = await createTestDatabase({ modules: [queue] });
    await own.owner.query("select postkit.grant_role($1, 'worker')", [own.appRole]);
    await own.owner.query(
      `create function public.refuse() returns trigger language plpgsql
       as $$ begin raise sqlstate '42501' using message = 'not in maintain'; end $$;
       create trigger refuse before delete on queue.workers execute function public.refuse()`,
    );
    await using granted = openWorks(own);
    const other = granted.postkit.withNamespace("another tenant").queue;
    const id = present(await other.push("q", 1));
    await other.pull("q", { visibilityTimeoutMs: 1 });
    granted.work("q", () => {});
    await waitFor(() => granted.errors.length >= 2);
    await own.owner.query("drop trigger refuse on queue.workers");
    await waitFor(async () => (await other.getJob(id))?.status === "pending");
    expect(granted.errors[0]).toMatchObject({
      error: { message: "queue.maintain: floors: not in maintain" },
    });
  });
});

describe("two workers", () => {
  it("of the same name are woken and forgotten each for itself", async () => {
    const [one, two] = [record(), record()];
    const first = works.work("q", one.handler, { workerId: "same" });
    const second = works.work("other", two.handler, { workerId: "same" });
    await Promise.all([first.ready, second.ready]);
    await first.drain();
    const third = works.work(["q", "other"], one.handler, { workerId: "same" });
    await third.ready;
    await second.drain();
    const { rows } = await db.super.query(
      "select queue, is_waiting from queue.workers where namespace = $1 order by queue",
      [works.tenant],
    );
    expect(rows).toEqual([
      { queue: "other", is_waiting: true },
      { queue: "q", is_waiting: true },
    ]);
  });
});
