import { createPostkit, isPostkitError, type Postkit } from "@postkit/core";
import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let db: TestDatabase;
let postkit: Postkit<{ queue: typeof queue }>;
let client: typeof postkit.queue;
let victim: typeof postkit.queue;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  postkit = createPostkit({ db: db.app, namespace: "attacker", modules: { queue } });
  client = postkit.queue;
  victim = postkit.withNamespace("victim").queue;
});

afterAll(async () => {
  await postkit.close();
  await db.drop();
});

/** What a request's body or query string may hold where a text is expected; types say it cannot be. */
const steal = `text || (select queue.push('victim', 'email', '"mallory"')
  from (select set_config('postkit.tenant_id', 'victim', true)) s)::text`;
const hostile = {
  "an object with the look of a parameter": { text: "a", type: steal },
  "an object with the look of a queue": { name: "a", payload: {}, defaults: {} },
  "an object with a text": { toString: () => "a", text: "a", type: "int" },
  "an array": ["a"],
  "a function": () => "a",
  "a symbol": Symbol("a"),
} as unknown as Record<string, string>;

const job = { id: "1", fence: "1" };
const every = { queue: "a", payload: {}, everyInterval: 1000 };

const calls: Record<string, (value: string) => Promise<unknown>> = {
  "a queue": (value) => client.push(value, {}),
  "a queue of a batch": (value) => client.pushBatch(value, [{}]),
  "a queue among many": (value) => client.pushMany([{ queue: value, payload: {} }]),
  "a queue to pull from": (value) => client.pull(value),
  "a queue to list": (value) => client.listJobs({ queue: value }),
  "a key": (value) => client.push("a", {}, { uniqueKey: value }),
  "a key among many": (value) => client.pushMany([{ queue: "a", payload: {}, uniqueKey: value }]),
  "a tag": (value) => client.push("a", {}, { tags: [value] }),
  "a tag among many": (value) => client.pushMany([{ queue: "a", payload: {}, tags: [value] }]),
  "a delay": (value) => client.push("a", {}, { delayMs: value as never }),
  "a time": (value) => client.push("a", {}, { runAt: value as never }),
  "a priority": (value) => client.push("a", {}, { priority: value as never }),
  "an id": (value) => client.getJob(value),
  "a job": (value) => client.ack({ id: value, fence: "1" }),
  "a fence": (value) => client.ack({ id: "1", fence: value }),
  "one of many ids": (value) => client.ackBatch([{ id: value, fence: "1" }]),
  "one of many fences": (value) => client.heartbeat([{ id: "1", fence: value }], 1000),
  "a worker": (value) => client.pull("a", { workerId: value }),
  "an error": (value) => client.nack(job, { error: value }),
  "one of many errors": (value) => client.settle([{ job, outcome: "nack", error: value }]),
  "an outcome": (value) => client.settle([{ job, outcome: value as "ack" }]),
  "a backoff": (value) => client.settle([{ job, outcome: "nack", backoffMs: value as never }]),
  "an extension": (value) => client.extendVisibility(job, value as never),
  "one of many queues": (value) => client.pullAny([value]),
  "a status": (value) => client.listJobs({ status: value as "dead" }),
  "a cursor": (value) => client.listDeadLetters({ cursor: value }),
  "a dead letter": (value) => client.retryDeadLetter(value),
  "an age": (value) => client.purgeDeadLetters({ olderThan: value }),
  "a name": (value) => client.createSchedule(value, every),
  "a name's cursor": (value) => client.listSchedules({ cursor: value }),
  "a cron expression": (value) => client.createSchedule("a", { ...every, cronExpression: value }),
  "an interval": (value) => client.createSchedule("a", { ...every, everyInterval: value }),
  "a change of queue": (value) => client.updateSchedule("a", { queue: value }),
  "a change of zone": (value) => client.updateSchedule("a", { cronTimezone: value }),
  "a setting": (value) => client.setConfig({ retention: value }),
  "a queue's settings": (value) => client.getConfig({ queue: value }),
  "a queue's counts": (value) => client.getQueueStats({ queue: value }),
  "a day": (value) => client.createArchivePartition({ day: value }),
};

describe.each(Object.keys(calls))("%s", (name) => {
  it.each(Object.keys(hostile))(
    "that is %s is refused, and nothing of it reaches a statement",
    async (kind) => {
      const answers: string[] = [];
      const error: unknown = await calls[name]?.(hostile[kind] as string).then(
        (result) => answers.push(JSON.stringify(result)),
        (reason: unknown) => reason,
      );
      expect(answers).toEqual([]);
      expect(isPostkitError(error), String(error)).toBe(true);
      expect(await victim.listJobs()).toEqual([]);
    },
  );
});

describe("text that looks like SQL", () => {
  it("is text, wherever it goes", async () => {
    const text = `'; drop table queue.ready; --" {a,b} \\ $1`;
    const id = await client.push(text.trim(), { [text]: text }, { uniqueKey: text, tags: [text] });
    const [taken] = await client.pullBatch(text.trim(), { workerId: text });
    expect(taken).toMatchObject({
      id,
      queue: text.trim(),
      payload: { [text]: text },
      uniqueKey: text,
      tags: [text],
      lockedBy: text,
    });
    await client.settle([{ job: taken ?? job, outcome: "fail", error: text }]);
    expect(await client.listDeadLetters()).toMatchObject([{ lastError: text }]);
  });
});
