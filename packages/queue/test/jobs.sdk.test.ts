import { createPostkit, isPostkitError, type Postkit } from "@postkit/core";
import { queue, type Job } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

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

async function pushed(...args: Parameters<typeof client.push>): Promise<string> {
  const id = await client.push(...args);
  if (id === null) throw new Error("Its key was taken.");
  return id;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const runAt = new Date("2031-02-03T04:05:06.789Z");

describe("push", () => {
  it("stores a job with all that is said of it", async () => {
    const id = await pushed(
      "email",
      { to: "alice", n: [1, null, "ä€𝄞"] },
      {
        runAt,
        priority: -7,
        maxAttempts: 9,
        uniqueKey: "order:1",
        tags: ["a", 'b"\\'],
        metadata: { trace: "t" },
      },
    );
    expect(id).toMatch(/^[1-9]\d*$/);
    expect(await client.getJob(id)).toEqual<Job>({
      id,
      namespace: `tenant ${tests}`,
      queue: "email",
      payload: { to: "alice", n: [1, null, "ä€𝄞"] },
      priority: -7,
      scheduledAt: runAt,
      status: "pending",
      attempts: 0,
      maxAttempts: 9,
      lockedBy: null,
      lockedAt: null,
      visibilityTimeoutAt: null,
      completedAt: null,
      error: null,
      uniqueKey: "order:1",
      tags: ["a", 'b"\\'],
      metadata: { trace: "t" },
      actorId: null,
      requestId: null,
      onBehalfOf: null,
      reason: null,
      createdAt: expect.any(Date) as Date,
      updatedAt: expect.any(Date) as Date,
      fence: null,
    });
  });

  it.each([null, false, 0, "", "text", [], {}, { null: null }])(
    "takes the payload %j as it is",
    async (payload) => {
      const job = await client.getJob(await pushed("any", payload));
      expect(job?.payload).toEqual(payload);
    },
  );

  it("waits for a delay from the start of the transaction", async () => {
    const job = await client.getJob(await pushed("email", {}, { delayMs: 90_500 }));
    expect(Number(job?.scheduledAt) - Number(job?.createdAt)).toBe(90_500);
    expect(await client.pull("email")).toBeNull();
  });

  it("takes a time of the past, and lets the job run at once", async () => {
    const id = await pushed("email", {}, { runAt: new Date(0) });
    expect(await client.pull("email")).toMatchObject({ id, scheduledAt: new Date(0) });
  });

  it("gives null for a key that is taken, and takes it again when it is free", async () => {
    const id = await pushed("email", {}, { uniqueKey: "k" });
    expect(await client.push("email", {}, { uniqueKey: "k" })).toBeNull();
    expect(await client.push("other", {}, { uniqueKey: "k" })).not.toBeNull();
    expect(await client.cancel(id)).toBe(true);
    expect(await client.push("email", {}, { uniqueKey: "k" })).not.toBeNull();
  });

  it("keeps who acts with the job", async () => {
    const actor = { actorId: "user:1", requestId: "r-1", onBehalfOf: "user:2", reason: "ticket" };
    const acting = postkit.withActor(actor).queue;
    const ids = [
      await acting.push("email", {}),
      await acting.push("email", {}, { runAt }),
      ...(await acting.pushBatch("email", [{}])),
      ...(await acting.pushMany([{ queue: "email", payload: {} }])),
    ];
    for (const id of ids) expect(await client.getJob(id ?? "")).toMatchObject(actor);
    expect(await client.getJob(await pushed("email", {}))).toMatchObject({ actorId: null });
  });
});

describe("pushBatch", () => {
  it("gives the ids in the order of the payloads", async () => {
    const ids = await client.pushBatch("email", [1, "two", { three: 3 }, null], {
      priority: 3,
      maxAttempts: 2,
      tags: ["t"],
    });
    const payloads = await Promise.all(ids.map(async (id) => (await client.getJob(id))?.payload));
    expect(payloads).toEqual([1, "two", { three: 3 }, null]);
    expect(await client.getJob(ids[0] ?? "")).toMatchObject({
      priority: 3,
      maxAttempts: 2,
      tags: ["t"],
      queue: "email",
    });
  });

  it("keeps the order for jobs with a time or metadata as well", async () => {
    const ids = await client.pushBatch("email", ["a", "b"], { runAt, metadata: { m: 1 } });
    expect(await Promise.all(ids.map(async (id) => client.getJob(id)))).toMatchObject([
      { payload: "a", scheduledAt: runAt, metadata: { m: 1 } },
      { payload: "b", scheduledAt: runAt, metadata: { m: 1 } },
    ]);
  });

  it("does nothing for no payloads", async () => {
    expect(await client.pushBatch("email", [])).toEqual([]);
    expect(await client.listJobs()).toEqual([]);
  });

  it("pushes 1000, and of 1001 none", async () => {
    const thousand = Array.from({ length: 1000 }, (_, n) => ({ n }));
    expect(await client.pushBatch("email", thousand)).toHaveLength(1000);
    for (const work of [
      () => client.pushBatch("email", [...thousand, {}]),
      () => client.pushMany([...thousand, {}].map((payload) => ({ queue: "email", payload }))),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: "VAL_BATCH_TOO_LARGE" });
    }
    expect(await client.getStats()).toMatchObject({ pending: "1000" });
  });
});

describe("pushMany", () => {
  it("pushes jobs to several queues, each with its options, and null where a key is taken", async () => {
    const ids = await client.pushMany([
      { queue: "b", payload: 1, uniqueKey: "k" },
      { queue: "a", payload: 2, runAt, priority: 2, tags: ["x"], metadata: [1] },
      { queue: "b", payload: 3, uniqueKey: "k" },
      { queue: "a", payload: null, delayMs: 1500, maxAttempts: 1 },
    ]);
    expect(ids[2]).toBeNull();
    expect(await client.getJob(ids[1] ?? "")).toMatchObject({
      queue: "a",
      payload: 2,
      scheduledAt: runAt,
      priority: 2,
      tags: ["x"],
      metadata: [1],
    });
    const last = await client.getJob(ids[3] ?? "");
    expect(last).toMatchObject({ payload: null, maxAttempts: 1, metadata: null });
    expect(Number(last?.scheduledAt) - Number(last?.createdAt)).toBe(1500);
    expect(await client.pushMany([])).toEqual([]);
  });

  it("pushes none when one is refused", async () => {
    const work = client.pushMany([
      { queue: "a", payload: 1 },
      { queue: "", payload: 2 },
    ]);
    await expect(work).rejects.toMatchObject({ code: "VAL_QUEUE_EMPTY" });
    expect(await client.listJobs()).toEqual([]);
  });
});

describe("in a transaction", () => {
  it("a rollback leaves no job, and a commit all of them", async () => {
    const ids: (string | null)[] = [];
    const failing = postkit.transaction(async (tx) => {
      ids.push(await tx.queue.push("email", {}), ...(await tx.queue.pushBatch("email", [1])));
      expect(await tx.queue.getJob(ids[0] ?? "")).not.toBeNull();
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await client.listJobs()).toEqual([]);
    await postkit.transaction(async (tx) => {
      await tx.queue.push("email", {});
      await tx.queue.pushMany([{ queue: "email", payload: 1 }]);
    });
    expect(await client.listJobs()).toHaveLength(2);
  });

  it("of the application's own driver, jobs come and go with it", async () => {
    const own = await db.app.connect();
    try {
      await own.query("begin");
      const joined = postkit.on(own);
      const id = await joined.queue.push("email", { n: 1 });
      expect(await client.getJob(id ?? "")).toBeNull();
      await own.query("rollback");
      await own.query("begin");
      await postkit.on(own).queue.push("email", { n: 2 });
      await own.query("commit");
    } finally {
      own.release();
    }
    expect(await client.listJobs()).toMatchObject([{ payload: { n: 2 } }]);
  });
});

describe("cancel, requestCancel and purgeQueue", () => {
  it("tell whether there was something to cancel", async () => {
    const id = await pushed("email", {});
    expect(await client.cancel(id)).toBe(true);
    expect(await client.cancel(id)).toBe(false);
    expect(await client.requestCancel(id)).toBe(false);
  });

  it("ask the worker that has the job", async () => {
    const id = await pushed("email", {});
    const job = await client.pull("email");
    expect(await client.cancel(id)).toBe(false);
    expect(await client.requestCancel(id)).toBe(true);
    expect(await client.heartbeat(job === null ? [] : [job], 60_000)).toEqual([
      { id, status: "cancel_requested" },
    ]);
  });

  it("count what was purged of that queue alone", async () => {
    await client.pushBatch("email", [1, 2]);
    await client.push("email", 3, { runAt });
    await client.push("other", {});
    expect(await client.purgeQueue("email")).toBe(3);
    expect(await client.listJobs()).toMatchObject([{ queue: "other" }]);
  });
});

describe("getJob, listJobs and iterateJobs", () => {
  it("give nothing of another tenant", async () => {
    const id = await pushed("email", {});
    const other = postkit.withNamespace("other tenant").queue;
    expect(await other.getJob(id)).toBeNull();
    expect(await other.listJobs()).toEqual([]);
    expect(await other.cancel(id)).toBe(false);
    expect(await client.getJob("1")).toBeNull();
  });

  it("give pages in the order of ids, and all of them one after the other", async () => {
    const ids = await client.pushBatch("email", [1, 2, 3, 4, 5]);
    await client.push("other", {});
    const first = await client.listJobs({ queue: "email", limit: 2 });
    const second = await client.listJobs({ queue: "email", limit: 2, cursor: first.at(-1)?.id });
    expect([...first, ...second].map(({ id }) => id)).toEqual(ids.slice(0, 4));
    for (const limit of [1, 2, 5, 6, undefined]) {
      const all = await collect(client.iterateJobs({ queue: "email", limit }));
      expect(all.map(({ id }) => id)).toEqual(ids);
    }
    expect(await collect(client.iterateJobs({ queue: "none" }))).toEqual([]);
    const rest = await collect(client.iterateJobs({ queue: "email", cursor: ids[2] }));
    expect(rest.map(({ id }) => id)).toEqual(ids.slice(3));
  });

  it("read what other programs store: a null among tags", async () => {
    const { rows } = await db.super.query<{ id: string }>(
      `select queue.push(s.namespace, 'email', '1', p_tags => array['a', null]) as id
       from (select set_config('postkit.tenant_id', $1, true) as namespace) s`,
      [`tenant ${tests}`],
    );
    expect(await client.getJob(rows[0]?.id ?? "")).toMatchObject({ tags: ["a"] });
  });

  it("tell the states apart", async () => {
    await client.setConfig({ archiveCompleted: true });
    const ids = await client.pushBatch("email", [1, 2, 3, 4]);
    const [done, dead, running] = await client.pullBatch("email", { limit: 3 });
    if (!done || !dead || !running) throw new Error("There were not enough jobs.");
    await client.ack(done);
    await client.fail(dead, { error: "no" });
    for (const [status, id] of [
      ["completed", ids[0]],
      ["dead", ids[1]],
      ["running", ids[2]],
      ["pending", ids[3]],
    ] as const) {
      expect(await client.listJobs({ status })).toMatchObject([{ id, status }]);
    }
    expect(await client.getJob(ids[1] ?? "")).toMatchObject({ error: "no", fence: null });
    expect(await client.getJob(ids[2] ?? "")).toEqual(running);
    await expect(client.listJobs({ status: "lost" as "dead" })).rejects.toMatchObject({
      code: "VAL_STATUS_UNKNOWN",
    });
  });
});

describe("what cannot be pushed is refused with a code, and nothing is stored", () => {
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  const job = (options: object) => ({ queue: "email", payload: {}, ...options });

  it.each<[string, () => Promise<unknown>, string]>([
    ["no payload", () => client.push("email", undefined), "queue.VAL_PAYLOAD_NULL"],
    ["a function", () => client.push("email", () => {}), "core.VAL_ARGUMENT"],
    ["a symbol", () => client.push("email", Symbol("a")), "core.VAL_ARGUMENT"],
    ["a bigint", () => client.push("email", { n: 1n }), "core.VAL_ARGUMENT"],
    ["a circle", () => client.push("email", circle), "core.VAL_ARGUMENT"],
    ["a circle in a batch", () => client.pushBatch("email", [circle]), "core.VAL_ARGUMENT"],
    ["a circle among many", () => client.pushMany([job({ payload: circle })]), "core.VAL_ARGUMENT"],
    [
      "a function among many",
      () => client.pushMany([job({ payload: () => {} })]),
      "queue.VAL_PAYLOAD_NULL",
    ],
    ["a hole in a batch", () => client.pushBatch("email", Array(1)), "queue.VAL_PAYLOAD_NULL"],
    ["a hole among many", () => client.pushMany(Array(1) as never), "core.VAL_ARGUMENT"],
    ["no array", () => client.pushBatch("email", {} as never), "core.VAL_ARGUMENT"],
    ["no array of jobs", () => client.pushMany({} as never), "core.VAL_ARGUMENT"],
    ["a NUL", () => client.push("email", "\0"), "core.VAL_TEXT_ENCODING"],
    ["a NUL in a batch", () => client.pushBatch("email", ["\0"]), "core.VAL_TEXT_ENCODING"],
    [
      "a NUL among many",
      () => client.pushMany([job({ uniqueKey: "\0" })]),
      "core.VAL_TEXT_ENCODING",
    ],
    ["no queue", () => client.push(undefined as unknown as string, {}), "queue.VAL_QUEUE_NULL"],
    [
      "no queue in a batch",
      () => client.pushBatch(null as unknown as string, [{}]),
      "queue.VAL_QUEUE_NULL",
    ],
    [
      "no queue among many",
      () => client.pushMany([job({ queue: undefined })] as never),
      "queue.VAL_QUEUE_NULL",
    ],
    [
      "a delay and a time",
      () => client.push("email", {}, { delayMs: 1, runAt }),
      "queue.VAL_DELAY_AND_RUN_AT",
    ],
    [
      "both among many",
      () => client.pushMany([job({ delayMs: 1, runAt })]),
      "queue.VAL_DELAY_AND_RUN_AT",
    ],
    ["no duration", () => client.push("email", {}, { delayMs: Number.NaN }), "core.VAL_ARGUMENT"],
    [
      "a delay in words",
      () => client.push("email", {}, { delayMs: "soon" as never }),
      "core.VAL_ARGUMENT",
    ],
    [
      "a delay beyond intervals",
      () => client.push("email", {}, { delayMs: 1e300 }),
      "core.VAL_ARGUMENT",
    ],
    [
      "a delay beyond reason",
      () => client.push("email", {}, { delayMs: 1e15 }),
      "queue.VAL_INTERVAL_TOO_LARGE",
    ],
    [
      "such a delay among many",
      () => client.pushMany([job({ delayMs: 1e15 })]),
      "queue.VAL_INTERVAL_TOO_LARGE",
    ],
    [
      "no date",
      () => client.push("email", {}, { runAt: "2030-01-01" as never }),
      "core.VAL_ARGUMENT",
    ],
    [
      "an invalid date",
      () => client.pushMany([job({ runAt: new Date("never") })]),
      "core.VAL_ARGUMENT",
    ],
    [
      "a priority out of range",
      () => client.push("email", {}, { priority: 1001 }),
      "queue.VAL_PRIORITY_RANGE",
    ],
    ["half a priority", () => client.push("email", {}, { priority: 0.5 }), "core.VAL_ARGUMENT"],
    [
      "half a priority among many",
      () => client.pushMany([job({ priority: 0.5 })]),
      "core.VAL_ARGUMENT",
    ],
    [
      "attempts out of range",
      () => client.push("email", {}, { maxAttempts: 31 }),
      "queue.VAL_MAX_ATTEMPTS_RANGE",
    ],
    [
      "a key too long",
      () => client.push("email", {}, { uniqueKey: "k".repeat(2600) }),
      "queue.VAL_KEY_TOO_LONG",
    ],
    [
      "tags that are none",
      () => client.push("email", {}, { tags: "a" as never }),
      "core.VAL_ARGUMENT",
    ],
    [
      "a tag that is none",
      () => client.pushMany([job({ tags: [1] })] as never),
      "core.VAL_ARGUMENT",
    ],
    [
      "an option that there is not",
      () => client.pushMany([job({ delayed: true })]),
      "queue.VAL_JOBS_INVALID",
    ],
    ["no id", () => client.cancel(undefined as never), "queue.VAL_JOB_ID_NULL"],
    ["an id in words", () => client.getJob("one"), "core.VAL_ARGUMENT"],
    [
      "an id beyond 64 bits",
      () => client.requestCancel("9223372036854775808"),
      "core.VAL_ARGUMENT",
    ],
    ["a cursor in words", () => client.listJobs({ cursor: "1 or 1=1" }), "core.VAL_ARGUMENT"],
    ["a page of none", () => client.listJobs({ limit: 0 }), "queue.VAL_NOT_POSITIVE"],
    ["a page too long", () => client.listJobs({ limit: 1001 }), "queue.VAL_LIMIT_TOO_LARGE"],
    ["half a page", () => client.listJobs({ limit: 1.5 }), "core.VAL_ARGUMENT"],
    ["a step of nothing", () => client.iterateJobs({ limit: 0 }).next(), "queue.VAL_NOT_POSITIVE"],
  ])("%s", async (_, work, code) => {
    const error: unknown = await work().then(
      () => "It was not refused.",
      (reason: unknown) => reason,
    );
    expect(isPostkitError(error, code), String(error)).toBe(true);
    expect(await client.listJobs()).toEqual([]);
  });
});
