import { createPostkit, type Postkit, type QueryEvent } from "@postkit/core";
import { defineQueue, queue } from "@postkit/queue";
import { advance, runJobs } from "@postkit/queue/testing";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";

let db: TestDatabase;
let postkit: Postkit<{ queue: typeof queue }>;
let client: typeof postkit.queue;
const sent: QueryEvent[] = [];

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  postkit = createPostkit({
    db: db.app,
    namespace: "acme",
    modules: { queue },
    onQuery: (event) => sent.push(event),
  });
  client = postkit.queue;
});
beforeEach(() => {
  sent.length = 0;
});
afterAll(async () => {
  await postkit.close();
  await db.drop();
});

const job = { id: "1", fence: "1" };
const every = { queue: "a", payload: {}, everyInterval: 1000 };
const handler = () => undefined;
const first = async (pages: AsyncGenerator) => pages.next();

/** Every method that takes options, with those it is given. */
const methods: Record<string, (options: never) => Promise<unknown>> = {
  push: (options) => client.push("a", {}, options),
  pushBatch: (options) => client.pushBatch("a", [{}], options),
  pushMany: (options) => client.pushMany([{ queue: "a", payload: {} }], options),
  cancel: (options) => client.cancel("1", options),
  requestCancel: (options) => client.requestCancel("1", options),
  purgeQueue: (options) => client.purgeQueue("a", options),
  getJob: (options) => client.getJob("1", options),
  waitFor: (options) => client.waitFor("1", options),
  listJobs: (options) => client.listJobs(options),
  iterateJobs: (options) => first(client.iterateJobs(options)),
  pull: (options) => client.pull("a", options),
  pullBatch: (options) => client.pullBatch("a", options),
  pullAny: (options) => client.pullAny(["a"], options),
  ack: (options) => client.ack(job, options),
  ackBatch: (options) => client.ackBatch([job], options),
  nack: (options) => client.nack(job, options),
  fail: (options) => client.fail(job, options),
  release: (options) => client.release(job, options),
  extendVisibility: (options) => client.extendVisibility(job, 1000, options),
  heartbeat: (options) => client.heartbeat([job], 1000, options),
  settle: (options) => client.settle([{ job, outcome: "ack" }], options),
  listDeadLetters: (options) => client.listDeadLetters(options),
  iterateDeadLetters: (options) => first(client.iterateDeadLetters(options)),
  retryDeadLetter: (options) => client.retryDeadLetter("1", options),
  retryDeadLetters: (options) => client.retryDeadLetters("a", options),
  purgeDeadLetters: (options) => client.purgeDeadLetters(options),
  createSchedule: (options) => client.createSchedule("a", every, options),
  upsertSchedule: (options) => client.upsertSchedule("a", every, options),
  updateSchedule: (options) => client.updateSchedule("a", {}, options),
  getSchedule: (options) => client.getSchedule("a", options),
  listSchedules: (options) => client.listSchedules(options),
  iterateSchedules: (options) => first(client.iterateSchedules(options)),
  pauseSchedule: (options) => client.pauseSchedule("a", options),
  resumeSchedule: (options) => client.resumeSchedule("a", options),
  deleteSchedule: (options) => client.deleteSchedule("a", options),
  tickSchedules: (options) => client.tickSchedules(options),
  getConfig: (options) => client.getConfig(options),
  setConfig: (options) => client.setConfig({}, options),
  pauseQueue: (options) => client.pauseQueue("a", options),
  resumeQueue: (options) => client.resumeQueue("a", options),
  getStats: (options) => client.getStats(options),
  getQueueStats: (options) => client.getQueueStats(options),
  tickTimeouts: (options) => client.tickTimeouts(options),
  maintain: (options) => client.maintain(options),
  createArchivePartition: (options) => client.createArchivePartition(options),
  ensureArchivePartitions: (options) => client.ensureArchivePartitions(options),
  dropArchivePartitions: (options) => client.dropArchivePartitions(options),
  runJobs: (options) => runJobs(client, "a", handler, options),
  advance: (options) => advance(client, 1000, options),
};

/** What a call is refused with. */
const refusal = async (work: () => unknown): Promise<unknown> =>
  (async () => work())().then(
    () => undefined,
    (reason: unknown) => reason,
  );
const argumentError = (message: string) => ({
  module: "core",
  code: "VAL_ARGUMENT",
  message: expect.stringContaining(message) as string,
});

it("there is a case for every method of the client, but for the worker's", () => {
  expect(Object.keys(client).filter((name) => !(name in methods))).toEqual(["work"]);
});

describe.each(Object.entries(methods))("%s refuses before anything is sent", (_, call) => {
  it.each(["queueName", "toString", "__proto__"])("the unknown option %s", async (key) => {
    const options = JSON.parse(`{ "${key}": "a" }`) as never;
    expect(await refusal(() => call(options))).toMatchObject(argumentError(`unknown key "${key}"`));
    expect(sent).toEqual([]);
  });

  it.each([["a text"], [1], [null], [["a"]], [() => "a"]])(
    "options that are %s",
    async (options) => {
      const error = await refusal(() => call(options as never));
      expect(error).toMatchObject(argumentError("must be an object"));
      expect(sent).toEqual([]);
    },
  );
});

it.each(["queueName", "toString", "onerror"])("work refuses the unknown option %s", async (key) => {
  const options = JSON.parse(`{ "${key}": "a" }`) as never;
  const error = await refusal(() => client.work("a", () => {}, options));
  expect(error).toMatchObject(argumentError(`unknown key "${key}" in the options of work`));
});

const ofCalls = Object.entries(methods).filter(([name]) => name !== "runJobs");

it.each(ofCalls)("%s takes a signal and a limit of time", async (_, call) => {
  const options = { signal: AbortSignal.abort(), timeoutMs: 60_000 } as never;
  await expect(call(options)).rejects.toMatchObject({ module: "core", code: "SYS_ABORTED" });
});

describe("an unknown key is named with the known ones", () => {
  const payload = z.unknown();
  it.each<[string, () => unknown, string]>([
    [
      "push",
      () => client.push("a", {}, { delay: 1 } as object),
      'unknown key "delay" in the options object of push: it takes delayMs, runAt, priority, maxAttempts, tags, metadata, uniqueKey, signal, timeoutMs',
    ],
    [
      "pushBatch, whose jobs cannot have one key",
      () => client.pushBatch("a", [{}], { uniqueKey: "a" } as object),
      "many jobs cannot have one uniqueKey",
    ],
    [
      "a schedule",
      () => client.upsertSchedule("a", { ...every, timezone: "Europe/Berlin" } as typeof every),
      'unknown key "timezone" in a schedule: it takes queue, payload, cronExpression, cronTimezone',
    ],
    [
      "a settlement",
      () => client.settle([{ job, outcome: "nack", delayMs: 1 } as never]),
      'unknown key "delayMs" in a settlement: it takes job, outcome, error, backoffMs, countAttempt',
    ],
    [
      "the defaults of a queue",
      () => defineQueue({ name: "a", payload, defaults: { retries: 1 } as object }),
      'unknown key "retries" in the defaults of a queue: it takes delayMs, priority, maxAttempts',
    ],
    [
      "defaults that are none",
      () => defineQueue({ name: "a", payload, defaults: null as never }),
      "the defaults of a queue must be an object",
    ],
    [
      "the definition of a queue",
      () => defineQueue({ name: "a", payload, default: {} } as never),
      'unknown key "default" in the definition of a queue: it takes name, payload, defaults',
    ],
    [
      "no definition of a queue",
      () => defineQueue("a" as never),
      "the definition of a queue must be an object",
    ],
    [
      "a queue's name instead of options",
      () => client.getQueueStats("email" as never),
      "the options object of getQueueStats must be an object, with keys of: queue, signal, timeoutMs",
    ],
  ])("in %s", async (_, call, message) => {
    expect(await refusal(call)).toMatchObject(argumentError(message));
    expect(sent).toEqual([]);
  });
});

describe("an argument that is not what it should be is named", () => {
  const jobId = "jobId must be the id of a job as text";
  it.each<[string, () => unknown, string]>([
    ["a job for its id", () => client.getJob({ id: "1" } as never), jobId],
    ["a job to cancel", () => client.cancel(job as never), jobId],
    ["a word for an id", () => client.getJob("abc"), jobId],
    ["an id that ends in space", () => client.requestCancel("1 "), jobId],
    [
      "a cursor that is no id",
      () => client.listJobs({ cursor: "abc" }),
      "cursor must be the id of a job as text",
    ],
    [
      "a dead letter that is no id",
      () => client.retryDeadLetter("abc"),
      "deadLetterId must be the id of a dead letter as text",
    ],
    [
      "a time in words",
      () => client.push("a", {}, { runAt: "2030-01-01" as never }),
      "runAt must be a Date",
    ],
    [
      "a time in words among many",
      () => client.pushMany([{ queue: "a", payload: {}, runAt: "2030-01-01" as never }]),
      "runAt must be a Date",
    ],
  ])("%s", async (_, call, message) => {
    expect(await refusal(call)).toMatchObject(argumentError(message));
    expect(sent).toEqual([]);
  });
});

describe("a payload that is refused", () => {
  const emails = defineQueue({
    name: "email",
    payload: z.object({ to: z.object({ name: z.string().min(3, "too short") }) }),
  });
  const good = { to: { name: "alice" } };
  const bad = { to: { name: "al" } };
  const upper = defineQueue({
    name: "upper",
    payload: {
      parse: (value: unknown) => {
        if (value !== "A") throw new Error("too low");
        return value;
      },
    },
  });
  const issues = [{ path: ["to", "name"], message: "too short" }];
  const invalid = "VAL_PAYLOAD_INVALID";
  const missing = "VAL_PAYLOAD_NULL";

  it.each<[string, () => Promise<unknown>, object]>([
    [
      "alone",
      () => client.push(emails, bad),
      {
        code: invalid,
        message: 'the payload is none of queue "email": to.name: too short',
        detail: issues,
      },
    ],
    [
      "in a batch",
      () => client.pushBatch(emails, [good, bad]),
      {
        code: invalid,
        message: 'payloads[1] is none of queue "email": to.name: too short',
        detail: { index: 1, issues },
      },
    ],
    [
      "among many",
      () =>
        client.pushMany([
          { queue: "a", payload: {} },
          { queue: emails, payload: good },
          { queue: emails, payload: bad },
        ]),
      {
        code: invalid,
        message: 'jobs[2].payload is none of queue "email": to.name: too short',
        detail: { index: 2, issues },
      },
    ],
    [
      "as a whole",
      () => client.push(emails, null as never),
      {
        code: invalid,
        message: expect.stringMatching(/^the payload is none of queue "email": Invalid input/),
      },
    ],
    [
      "by a schema without issues",
      () => client.pushBatch(upper, ["A", "a"]),
      {
        code: invalid,
        message: 'payloads[1] is none of queue "upper": too low',
        detail: { index: 1, issues: "too low" },
      },
    ],
    [
      "for being undefined",
      () => client.push("a", undefined),
      {
        code: missing,
        sqlstate: "22004",
        message: "payload is undefined; null is a payload",
      },
    ],
    [
      "for being undefined in a batch",
      () => client.pushBatch("a", [null, undefined]),
      {
        code: missing,
        sqlstate: "22004",
        message: "payloads[1] is undefined; null is a payload",
      },
    ],
    [
      "for being undefined in a schedule",
      () => client.createSchedule("a", { ...every, payload: undefined }),
      { code: missing, message: "payload is undefined; null is a payload" },
    ],
  ])("%s says where and why, before anything is sent", async (_, call, expected) => {
    await expect(call()).rejects.toMatchObject({ module: "queue", ...expected });
    expect(sent).toEqual([]);
  });
});
