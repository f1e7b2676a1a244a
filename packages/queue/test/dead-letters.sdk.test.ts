import { createPostkit, isPostkitError, type Postkit } from "@postkit/core";
import { queue, type DeadLetter } from "@postkit/queue";
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

/** Pushes jobs, and lets them fail one after the other. */
async function failed(name: string, payloads: unknown[]): Promise<DeadLetter[]> {
  await client.pushBatch(name, payloads, { tags: ["t"], priority: 4 });
  for (const job of await client.pullBatch(name, { limit: 1000 })) {
    await client.fail(job, { error: `no ${String(job.payload)}` });
  }
  return client.listDeadLetters({ queue: name, limit: 1000 });
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe("listDeadLetters and iterateDeadLetters", () => {
  it("give what became of a job", async () => {
    const [letter] = await failed("email", ["a"]);
    expect(letter).toEqual<DeadLetter>({
      id: expect.stringMatching(/^\d+$/) as string,
      namespace: `tenant ${tests}`,
      originalJobId: expect.stringMatching(/^\d+$/) as string,
      queue: "email",
      priority: 4,
      attempts: 1,
      maxAttempts: 3,
      payload: "a",
      tags: ["t"],
      metadata: null,
      reasonCode: "failed",
      lastError: "no a",
      actorId: null,
      requestId: null,
      onBehalfOf: null,
      reason: null,
      retryJobId: null,
      failedAt: expect.any(Date) as Date,
      retriedAt: null,
      createdAt: expect.any(Date) as Date,
    });
  });

  it("give pages, newest first, and all of them one after the other", async () => {
    await failed("other", ["x"]);
    const all = await failed("email", ["a", "b", "c"]);
    expect(all.map(({ payload }) => payload)).toEqual(["c", "b", "a"]);
    const page = await client.listDeadLetters({ queue: "email", limit: 2 });
    const next = await client.listDeadLetters({
      queue: "email",
      limit: 2,
      cursor: page.at(-1)?.id,
    });
    expect([...page, ...next]).toEqual(all);
    for (const limit of [1, 3, 4, undefined]) {
      expect(await collect(client.iterateDeadLetters({ queue: "email", limit }))).toEqual(all);
    }
    expect(await collect(client.iterateDeadLetters())).toHaveLength(4);
    expect(await postkit.withNamespace("other").queue.listDeadLetters()).toEqual([]);
  });

  it("leave out those that were retried, unless they are asked for", async () => {
    const [b, a] = await failed("email", ["a", "b"]);
    const jobId = await client.retryDeadLetter(b?.id ?? "");
    expect(await client.listDeadLetters()).toEqual([a]);
    expect(await client.listDeadLetters({ withRetried: true })).toMatchObject([
      { id: b?.id, retryJobId: jobId, retriedAt: expect.any(Date) },
      { id: a?.id, retryJobId: null },
    ]);
  });
});

describe("retryDeadLetter and retryDeadLetters", () => {
  it("push the job anew, to another queue if that is asked for", async () => {
    const [b, a] = await failed("email", ["a", "b"]);
    const same = await client.retryDeadLetter(a?.id ?? "");
    const other = await client.retryDeadLetter(b?.id ?? "", { queue: "other" });
    expect(await client.getJob(same)).toMatchObject({ queue: "email", payload: "a", attempts: 0 });
    expect(await client.getJob(other)).toMatchObject({ queue: "other", payload: "b", tags: ["t"] });
  });

  it("take the oldest of a queue first", async () => {
    await failed("other", ["x"]);
    const letters = await failed("email", ["a", "b", "c"]);
    const oldest = letters.toReversed().map(({ id }) => id);
    const two = await client.retryDeadLetters("email", { limit: 2 });
    expect(two.map(({ deadLetterId }) => deadLetterId)).toEqual(oldest.slice(0, 2));
    expect(await client.getJob(two[0]?.jobId ?? "")).toMatchObject({ payload: "a" });
    expect(await client.retryDeadLetters("email")).toMatchObject([{ deadLetterId: oldest[2] }]);
    expect(await client.retryDeadLetters("email")).toEqual([]);
  });

  it("are undone with their transaction", async () => {
    const [letter] = await failed("email", ["a"]);
    const failing = postkit.transaction(async (tx) => {
      await tx.queue.retryDeadLetter(letter?.id ?? "");
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await client.listDeadLetters()).toEqual([letter]);
    expect(await client.listJobs({ status: "pending" })).toEqual([]);
  });
});

describe("purgeDeadLetters", () => {
  it("deletes what is older, of one queue or of all", async () => {
    await failed("email", ["a"]);
    await failed("other", ["b"]);
    expect(await client.purgeDeadLetters()).toBe(0);
    expect(await client.purgeDeadLetters({ olderThan: "PT1H" })).toBe(0);
    expect(await client.purgeDeadLetters({ queue: "email", olderThan: 0 })).toBe(1);
    expect(await client.listDeadLetters()).toMatchObject([{ queue: "other" }]);
    expect(await client.purgeDeadLetters({ olderThan: "PT0S" })).toBe(1);
  });

  it("deletes nothing for an empty variable", async () => {
    await failed("email", ["a"]);
    const ages = { olderThan: 0 };
    const attempts = [
      { queue: undefined, ...ages },
      { queue: null, ...ages },
      { queue: "", ...ages },
      "email",
      null,
    ];
    for (const narrowed of attempts) {
      await expect(client.purgeDeadLetters(narrowed as object)).rejects.toSatisfy((error) =>
        isPostkitError(error),
      );
    }
    expect(await client.listDeadLetters()).toHaveLength(1);
  });
});

describe("what cannot be done is refused with a code", () => {
  it.each<[string, () => Promise<unknown>, string]>([
    [
      "a letter that is not there",
      () => client.retryDeadLetter("1"),
      "queue.DATA_DEAD_LETTER_NOT_FOUND",
    ],
    [
      "no letter",
      () => client.retryDeadLetter(undefined as never),
      "queue.VAL_DEAD_LETTER_ID_NULL",
    ],
    ["a letter in words", () => client.retryDeadLetter("first"), "core.VAL_ARGUMENT"],
    ["no queue", () => client.retryDeadLetters(undefined as never), "queue.VAL_QUEUE_NULL"],
    [
      "none of them",
      () => client.retryDeadLetters("email", { limit: 0 }),
      "queue.VAL_NOT_POSITIVE",
    ],
    ["a cursor in words", () => client.listDeadLetters({ cursor: "a" }), "core.VAL_ARGUMENT"],
    ["too many", () => client.listDeadLetters({ limit: 1001 }), "queue.VAL_LIMIT_TOO_LARGE"],
    [
      "maybe retried ones",
      () => client.listDeadLetters({ withRetried: "no" as never }),
      "core.VAL_ARGUMENT",
    ],
    ["an age in words", () => client.purgeDeadLetters({ olderThan: "old" }), "core.VAL_ARGUMENT"],
    [
      "an age beyond reason",
      () => client.purgeDeadLetters({ olderThan: "P2000Y" }),
      "queue.VAL_INTERVAL_TOO_LARGE",
    ],
  ])("%s", async (_, work, code) => {
    const error: unknown = await work().then(
      () => "It was not refused.",
      (reason: unknown) => reason,
    );
    expect(isPostkitError(error, code), String(error)).toBe(true);
  });

  it("a letter that was retried already", async () => {
    const [letter] = await failed("email", ["a"]);
    await client.retryDeadLetter(letter?.id ?? "");
    await expect(client.retryDeadLetter(letter?.id ?? "")).rejects.toMatchObject({
      code: "BIZ_DEAD_LETTER_ALREADY_RETRIED",
    });
  });
});
