import { createPostkit, type Postkit } from "@postkit/core";
import { queue } from "@postkit/queue";
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

const nothing = {
  totalJobs: "0",
  pending: "0",
  running: "0",
  completed: "0",
  dead: "0",
  totalQueues: "0",
};

describe("getStats", () => {
  it("counts in text, by state, and of its tenant alone", async () => {
    expect(await client.getStats()).toEqual(nothing);
    await client.setConfig({ archiveCompleted: true });
    await client.pushBatch("email", [1, 2, 3, 4, 5]);
    await client.push("other", {});
    const [done, dead] = await client.pullBatch("email", { limit: 3 });
    if (!done || !dead) throw new Error("There were not enough jobs.");
    await client.ack(done);
    await client.fail(dead);
    expect(await client.getStats()).toEqual({
      totalJobs: "6",
      pending: "3",
      running: "1",
      completed: "1",
      dead: "1",
      totalQueues: "2",
    });
    expect(await postkit.withNamespace("other").queue.getStats()).toEqual(nothing);
  });
});

describe("getQueueStats", () => {
  it("gives a row for each queue in the order of names, or of one of them", async () => {
    await client.push("later", {}, { delayMs: 3_600_000 });
    await client.push("busy", {});
    await client.pull("busy");
    await client.push("dead", {});
    await client.fail((await client.pull("dead")) ?? { id: "0", fence: "0" });
    const [busy, dead, later, ...others] = await client.getQueueStats();
    expect(others).toEqual([]);
    expect(busy).toEqual({
      queue: "busy",
      pending: "0",
      running: "1",
      completed: "0",
      dead: "0",
      oldestPendingSeconds: null,
      deadLetters: "0",
      isPaused: false,
    });
    expect(dead).toMatchObject({ queue: "dead", dead: "1", deadLetters: "1" });
    expect(later).toMatchObject({ queue: "later", pending: "1" });
    expect(later?.oldestPendingSeconds).toBeLessThan(0);
    expect(await client.getQueueStats({ queue: "busy" })).toEqual([busy]);
    expect(await client.getQueueStats({ queue: "none" })).toEqual([]);
  });

  it("tells whether a queue is paused, also one that has no jobs", async () => {
    await client.push("email", {});
    await client.pauseQueue("empty");
    expect(await client.getQueueStats()).toMatchObject([
      { queue: "email", isPaused: false },
      { queue: "empty", pending: "0", deadLetters: "0", isPaused: true },
    ]);
    await client.resumeQueue("empty");
    expect(await client.getQueueStats({ queue: "empty" })).toEqual([]);
  });
});
