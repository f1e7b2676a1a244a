import { createPostkit, isPostkitError, type Postkit } from "@postkit/core";
import { queue, type Schedule } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import pg from "pg";
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

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The time of a schedule has come, without anybody's waiting for it. */
async function comeDue(name: string): Promise<void> {
  await db.super.query(
    "update queue.schedules set next_run_at = now() - interval '1 second' where namespace = $1 and name = $2",
    [`tenant ${tests}`, name],
  );
}

const every = { queue: "email", payload: {}, everyInterval: "PT1H" };

describe("createSchedule and getSchedule", () => {
  it("store all that is said", async () => {
    const id = await client.createSchedule("digest", {
      queue: "email",
      payload: { template: "digest" },
      cronExpression: "0 7 * * mon-fri",
      cronTimezone: "Europe/Berlin",
      priority: 3,
      maxAttempts: 5,
      tags: ["t"],
      metadata: { m: 1 },
      catchUp: "all",
      catchUpMax: 10,
      overlap: "skip",
    });
    expect(await client.getSchedule("digest")).toEqual<Schedule>({
      id,
      name: "digest",
      queue: "email",
      payload: { template: "digest" },
      priority: 3,
      maxAttempts: 5,
      tags: ["t"],
      metadata: { m: 1 },
      cronExpression: "0 7 * * mon-fri",
      cronTimezone: "Europe/Berlin",
      everyInterval: null,
      catchUp: "all",
      catchUpMax: 10,
      overlap: "skip",
      isActive: true,
      lastRunAt: null,
      lastJobId: null,
      nextRunAt: expect.any(Date) as Date,
      runCount: "0",
      lastError: null,
      consecutiveFailures: 0,
      createdAt: expect.any(Date) as Date,
      updatedAt: expect.any(Date) as Date,
    });
    expect(await client.getSchedule("none")).toBeNull();
  });

  it.each([
    [90_500, "PT1M30.5S"],
    ["P1M", "P1M"],
    ["P1DT2H3.5S", "P1DT2H3.5S"],
    ["1 day 02:00:00", "P1DT2H"],
  ])("take the interval %s, and give it as %s", async (everyInterval, iso) => {
    await client.createSchedule("s", { ...every, everyInterval });
    expect(await client.getSchedule("s")).toMatchObject({ everyInterval: iso });
    expect(await client.listSchedules()).toMatchObject([{ everyInterval: iso }]);
  });

  it("take a schedule that is paused from the start, and a payload that is null", async () => {
    await client.createSchedule("s", { ...every, payload: null, isActive: false });
    expect(await client.getSchedule("s")).toMatchObject({
      payload: null,
      isActive: false,
      nextRunAt: null,
    });
  });

  it("are undone with their transaction", async () => {
    const failing = postkit.transaction(async (tx) => {
      await tx.queue.createSchedule("s", every);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await client.getSchedule("s")).toBeNull();
  });
});

describe("an interval in a session of any style", () => {
  it.each(["postgres", "postgres_verbose", "sql_standard", "iso_8601"])(
    "is the same in %s, also for a schedule, a setting and a job that was stuck",
    async (style) => {
      const pool = new pg.Pool({
        connectionString: db.appUrl,
        options: `-c intervalstyle=${style}`,
      });
      const own = createPostkit({
        db: pool,
        namespace: `tenant ${tests}`,
        modules: { queue },
      }).queue;
      try {
        await own.createSchedule("s", { ...every, everyInterval: "P1M2DT3H4M5.5S" });
        expect(await own.getSchedule("s")).toMatchObject({ everyInterval: "P1M2DT3H4M5.5S" });
        expect(await own.listSchedules()).toMatchObject([{ everyInterval: "P1M2DT3H4M5.5S" }]);
        await own.updateSchedule("s", { everyInterval: 90_500 });
        expect(await own.getSchedule("s")).toMatchObject({ everyInterval: "PT1M30.5S" });
        await own.setConfig({ retention: "P1DT12H", backoffBase: 0 });
        expect(await own.getConfig()).toMatchObject({
          retention: "P1DT12H",
          backoffBase: "PT0S",
          defaultVisibilityTimeout: "PT5M",
        });
        await own.push("email", {});
        await own.pull("email");
        await db.super.query(
          "update queue.leases set locked_at = now() - interval '26 hours', expires_at = now() - interval '1 hour'",
        );
        expect(await own.tickTimeouts()).toMatchObject([
          { stuckDuration: expect.stringMatching(/^P1DT2H[\d.]+S$/) },
        ]);
      } finally {
        await pool.end();
      }
    },
  );
});

describe("upsertSchedule and updateSchedule", () => {
  it("make a schedule once, and change what is not the same", async () => {
    const id = await client.upsertSchedule("s", every);
    const first = await client.getSchedule("s");
    expect(await client.upsertSchedule("s", { ...every, payload: { n: 2 } })).toBe(id);
    expect(await client.getSchedule("s")).toMatchObject({
      payload: { n: 2 },
      nextRunAt: first?.nextRunAt,
    });
  });

  it("change some of a schedule alone", async () => {
    await client.createSchedule("s", { ...every, tags: ["t"], metadata: { m: 1 } });
    const before = await client.getSchedule("s");
    expect(
      await client.updateSchedule("s", {
        queue: "other",
        payload: null,
        priority: 9,
        maxAttempts: 1,
        catchUp: undefined,
      }),
    ).toBe(true);
    expect(await client.getSchedule("s")).toEqual({
      ...before,
      queue: "other",
      payload: null,
      priority: 9,
      maxAttempts: 1,
      updatedAt: expect.any(Date),
    });
    await client.updateSchedule("s", { cronExpression: "@daily", metadata: null, tags: [] });
    expect(await client.getSchedule("s")).toMatchObject({
      cronExpression: "@daily",
      everyInterval: null,
      metadata: null,
      tags: [],
    });
    expect(await client.updateSchedule("none", { priority: 1 })).toBe(false);
  });
});

describe("listSchedules and iterateSchedules", () => {
  it("give pages in the order of names, and all of them one after the other", async () => {
    for (const name of ["c", "a", "b"]) await client.createSchedule(name, every);
    await client.createSchedule("paused", { ...every, queue: "other", isActive: false });
    const page = await client.listSchedules({ limit: 2 });
    const next = await client.listSchedules({ limit: 2, cursor: page.at(-1)?.name });
    expect([...page, ...next].map(({ name }) => name)).toEqual(["a", "b", "c", "paused"]);
    for (const limit of [1, 4, 5, undefined]) {
      expect(await collect(client.iterateSchedules({ limit }))).toEqual([...page, ...next]);
    }
    expect(await client.listSchedules({ isActive: false })).toMatchObject([{ name: "paused" }]);
    expect(await client.listSchedules({ isActive: true })).toHaveLength(3);
    expect(await client.listSchedules({ queue: "other" })).toHaveLength(1);
    expect(await postkit.withNamespace("other").queue.listSchedules()).toEqual([]);
  });
});

describe("pauseSchedule, resumeSchedule and deleteSchedule", () => {
  it("tell whether they did something", async () => {
    await client.createSchedule("s", every);
    expect(await client.pauseSchedule("s")).toBe(true);
    expect(await client.pauseSchedule("s")).toBe(false);
    expect(await client.getSchedule("s")).toMatchObject({ isActive: false, nextRunAt: null });
    expect(await client.resumeSchedule("s")).toBe(true);
    expect(await client.resumeSchedule("s")).toBe(false);
    expect(await client.deleteSchedule("s")).toBe(true);
    expect(await client.deleteSchedule("s")).toBe(false);
  });
});

describe("tickSchedules", () => {
  it("pushes the jobs whose time has come, and tells which", async () => {
    await client.createSchedule("due", { ...every, payload: { n: 1 } });
    await client.createSchedule("later", every);
    await comeDue("due");
    const [run, ...others] = await client.tickSchedules();
    expect(others).toEqual([]);
    expect(run).toMatchObject({ scheduleName: "due", nextRunAt: expect.any(Date) });
    expect(await client.getJob(run?.jobId ?? "")).toMatchObject({
      queue: "email",
      payload: { n: 1 },
      metadata: { schedule: "due" },
    });
    expect(await client.getSchedule("due")).toMatchObject({ runCount: "1", lastJobId: run?.jobId });
    expect(await client.tickSchedules({ limit: 1000 })).toEqual([]);
  });

  it("leaves the schedules of other tenants alone", async () => {
    await client.createSchedule("s", every);
    await comeDue("s");
    expect(await postkit.withNamespace("other").queue.tickSchedules()).toEqual([]);
    expect(await client.tickSchedules()).toHaveLength(1);
  });
});

describe("what is no schedule is refused with a code", () => {
  const create = (changes: object) => client.createSchedule("s", { ...every, ...changes });
  const update = (changes: object) => client.updateSchedule("s", changes);

  it.each<[string, () => Promise<unknown>, string]>([
    [
      "no name",
      () => client.createSchedule(undefined as never, every),
      "queue.VAL_SCHEDULE_NAME_NULL",
    ],
    ["a name that is an object", () => client.getSchedule({} as never), "core.VAL_ARGUMENT"],
    ["an empty name", () => client.pauseSchedule(""), "queue.VAL_SCHEDULE_NAME_EMPTY"],
    ["no definition", () => client.createSchedule("s", undefined as never), "core.VAL_ARGUMENT"],
    ["no queue", () => create({ queue: undefined }), "queue.VAL_QUEUE_NULL"],
    ["no payload", () => create({ payload: undefined }), "queue.VAL_PAYLOAD_NULL"],
    ["no time", () => create({ everyInterval: undefined }), "queue.BIZ_SCHEDULE_REQUIRES_SCHEDULE"],
    [
      "two times",
      () => create({ cronExpression: "@daily" }),
      "queue.BIZ_SCHEDULE_CRON_AND_INTERVAL",
    ],
    [
      "an interval of nothing",
      () => create({ everyInterval: 0 }),
      "queue.VAL_INTERVAL_NOT_POSITIVE",
    ],
    ["an interval in words", () => create({ everyInterval: "often" }), "core.VAL_ARGUMENT"],
    [
      "an interval beyond reason",
      () => create({ everyInterval: "P2000Y" }),
      "queue.VAL_INTERVAL_TOO_LARGE",
    ],
    [
      "no cron",
      () => create({ everyInterval: undefined, cronExpression: "x" }),
      "queue.VAL_CRON_FIELDS",
    ],
    [
      "no time zone",
      () => create({ everyInterval: undefined, cronExpression: "@daily", cronTimezone: "Mars" }),
      "queue.VAL_TIMEZONE_UNKNOWN",
    ],
    ["maybe active", () => create({ isActive: 1 }), "core.VAL_ARGUMENT"],
    ["another policy", () => create({ catchUp: "some" }), "queue.VAL_POLICY_UNKNOWN"],
    ["half a catch-up", () => create({ catchUpMax: 0.5 }), "core.VAL_ARGUMENT"],
    ["metadata that is a list", () => create({ metadata: [1] }), "core.VAL_ARGUMENT"],
    ["a change to metadata in words", () => update({ metadata: "m" }), "core.VAL_ARGUMENT"],
    ["changes that are none", () => update(null as never), "core.VAL_ARGUMENT"],
    ["a change that there is not", () => update({ isActive: false }), "queue.VAL_CHANGES_INVALID"],
    ["a change to no queue", () => update({ queue: null }), "queue.VAL_QUEUE_NULL"],
    [
      "a change to a queue that is none",
      () => update({ queue: { name: "a" } }),
      "core.VAL_ARGUMENT",
    ],
    ["a change to tags that are none", () => update({ tags: [1] }), "core.VAL_ARGUMENT"],
    [
      "a change to an interval in words",
      () => update({ everyInterval: "often" }),
      "core.VAL_ARGUMENT",
    ],
    ["a change to a NUL", () => update({ payload: "\0" }), "core.VAL_TEXT_ENCODING"],
    ["too many", () => client.tickSchedules({ limit: 1001 }), "queue.VAL_LIMIT_TOO_LARGE"],
    [
      "maybe active ones",
      () => client.listSchedules({ isActive: "yes" as never }),
      "core.VAL_ARGUMENT",
    ],
  ])("%s", async (_, work, code) => {
    const other = { ...every, everyInterval: "PT2H" };
    await client.createSchedule("s", other).catch(() => {});
    const before = await client.getSchedule("s");
    const error: unknown = await work().then(
      () => "It was not refused.",
      (reason: unknown) => reason,
    );
    expect(isPostkitError(error, code), String(error)).toBe(true);
    expect(await client.getSchedule("s")).toEqual(before);
  });

  it("a name that is taken", async () => {
    await client.createSchedule("s", every);
    await expect(client.createSchedule("s", every)).rejects.toMatchObject({
      code: "BIZ_SCHEDULE_DUPLICATE",
      sqlstate: "23505",
    });
  });
});
