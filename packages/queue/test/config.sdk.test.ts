import { createPostkit, isPostkitError, type Postkit } from "@postkit/core";
import { queue, type QueueConfig } from "@postkit/queue";
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

const defaults: QueueConfig = {
  archiveCompleted: false,
  notify: "auto",
  defaultVisibilityTimeout: "PT5M",
  defaultMaxAttempts: 3,
  backoffKind: "exponential",
  backoffBase: "PT30S",
  backoffFactor: 2,
  backoffMax: "PT1H",
  backoffJitter: 0,
  retention: "P7D",
  pausedAt: null,
};

describe("getConfig and setConfig", () => {
  it("begin with the settings for all", async () => {
    expect(await client.getConfig()).toEqual(defaults);
    expect(await client.getConfig({ queue: "email" })).toEqual(defaults);
  });

  it("change what is said, take what they give, and inherit again what is null", async () => {
    const settings = {
      archiveCompleted: true,
      notify: "off",
      defaultVisibilityTimeout: 90_500,
      defaultMaxAttempts: 30,
      backoffKind: "linear",
      backoffBase: "PT1S",
      backoffFactor: 1.5,
      backoffMax: "P1DT12H",
      backoffJitter: 0.25,
      retention: "P1M",
    } as const;
    expect(await client.setConfig(settings, { queue: "email" })).toBeUndefined();
    const stored = await client.getConfig({ queue: "email" });
    expect(stored).toEqual({ ...settings, defaultVisibilityTimeout: "PT1M30.5S", pausedAt: null });
    const { pausedAt: _, ...given } = stored;
    await client.setConfig(given, { queue: "other" });
    expect(await client.getConfig({ queue: "other" })).toEqual(stored);
    await client.setConfig(
      { notify: null, retention: null, backoffBase: undefined },
      { queue: "email" },
    );
    expect(await client.getConfig({ queue: "email" })).toEqual({
      ...stored,
      notify: defaults.notify,
      retention: defaults.retention,
    });
    expect(await client.getConfig()).toEqual(defaults);
  });

  it("inherit from the namespace column by column, and from no other namespace", async () => {
    await client.setConfig({ defaultMaxAttempts: 5, retention: "P1D" });
    await client.setConfig({ defaultMaxAttempts: 7 }, { queue: "email" });
    expect(await client.getConfig({ queue: "email" })).toMatchObject({
      defaultMaxAttempts: 7,
      retention: "P1D",
    });
    expect(await client.getConfig({ queue: "other" })).toMatchObject({ defaultMaxAttempts: 5 });
    expect(await postkit.withNamespace("other").queue.getConfig()).toEqual(defaults);
    const id = await client.push("email", {});
    expect(await client.getJob(id ?? "")).toMatchObject({ maxAttempts: 7 });
  });

  it("are undone with their transaction", async () => {
    const failing = postkit.transaction(async (tx) => {
      await tx.queue.setConfig({ defaultMaxAttempts: 9 });
      expect(await tx.queue.getConfig()).toMatchObject({ defaultMaxAttempts: 9 });
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await client.getConfig()).toEqual(defaults);
  });
});

describe("pauseQueue and resumeQueue", () => {
  it("stop and start the handing out, and tell whether they did", async () => {
    const id = await client.push("email", {});
    expect(await client.pauseQueue("email")).toBe(true);
    expect(await client.pauseQueue("email")).toBe(false);
    expect(await client.getConfig({ queue: "email" })).toEqual({
      ...defaults,
      pausedAt: expect.any(Date),
    });
    expect(await client.pull("email")).toBeNull();
    expect(await client.resumeQueue("email")).toBe(true);
    expect(await client.resumeQueue("email")).toBe(false);
    expect(await client.pull("email")).toMatchObject({ id });
  });
});

describe("what cannot be set is refused with a code, and nothing changes", () => {
  const set = (settings: object) => client.setConfig(settings, { queue: "email" });

  it.each<[string, () => Promise<unknown>, string]>([
    ["no settings", () => set(null as never), "core.VAL_ARGUMENT"],
    ["settings in an array", () => set([]), "core.VAL_ARGUMENT"],
    ["one that there is not", () => set({ colour: "red" }), "queue.VAL_CONFIG_INVALID"],
    ["a pause, which is not set", () => set({ pausedAt: new Date() }), "queue.VAL_CONFIG_INVALID"],
    ["attempts out of range", () => set({ defaultMaxAttempts: 31 }), "queue.VAL_CONFIG_INVALID"],
    ["half an attempt", () => set({ defaultMaxAttempts: 1.5 }), "queue.VAL_CONFIG_INVALID"],
    ["attempts of no number", () => set({ defaultMaxAttempts: Number.NaN }), "core.VAL_ARGUMENT"],
    ["a notification never heard of", () => set({ notify: "loudly" }), "queue.VAL_CONFIG_INVALID"],
    ["jitter above the whole", () => set({ backoffJitter: 1.1 }), "queue.VAL_CONFIG_INVALID"],
    ["a duration in words", () => set({ retention: "long" }), "core.VAL_ARGUMENT"],
    ["a duration of no number", () => set({ retention: Infinity }), "core.VAL_ARGUMENT"],
    ["a duration that is an object", () => set({ retention: { days: 1 } }), "core.VAL_ARGUMENT"],
    [
      "a time-out of nothing",
      () => set({ defaultVisibilityTimeout: 0 }),
      "queue.VAL_CONFIG_INVALID",
    ],
    ["a retention beyond time", () => set({ retention: "P1001Y" }), "queue.VAL_CONFIG_INVALID"],
    ["a backoff beyond time", () => set({ backoffMax: "P1001Y" }), "queue.VAL_CONFIG_INVALID"],
    ["a circle", () => set({ notify: circle }), "core.VAL_ARGUMENT"],
    [
      "no queue",
      () => client.setConfig({ notify: "off" }, { queue: undefined }),
      "queue.VAL_QUEUE_NULL",
    ],
    [
      "an empty queue",
      () => client.setConfig({ notify: "off" }, { queue: "" }),
      "queue.VAL_QUEUE_EMPTY",
    ],
    [
      "a queue that is no option",
      () => client.setConfig({}, "email" as never),
      "core.VAL_ARGUMENT",
    ],
    ["a look at no queue", () => client.getConfig({ queue: undefined }), "queue.VAL_QUEUE_NULL"],
    ["a pause of nothing", () => client.pauseQueue(undefined as never), "queue.VAL_QUEUE_NULL"],
    [
      "those of all",
      () => postkit.withNamespace("global").queue.setConfig({ notify: "off" }),
      "queue.BIZ_GLOBAL_PROTECTED",
    ],
  ])("%s", async (_, work, code) => {
    const error: unknown = await work().then(
      () => "It was not refused.",
      (reason: unknown) => reason,
    );
    expect(isPostkitError(error, code), String(error)).toBe(true);
    expect(await client.getConfig({ queue: "email" })).toEqual(defaults);
    expect(await client.getConfig()).toEqual(defaults);
  });
});

const circle: Record<string, unknown> = {};
circle["self"] = circle;
