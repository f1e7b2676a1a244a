import { createPostkit, grantRole, isPostkitError, type Postkit } from "@postkit/core";
import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

let db: TestDatabase;
let postkit: Postkit<{ queue: typeof queue }>;
let client: typeof postkit.queue;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  await grantRole(db.ownerUrl, { role: db.appRole, kinds: ["app", "maintenance"] });
});
afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(() => {
  tests += 1;
  postkit = createPostkit({ db: db.app, namespace: `tenant ${tests}`, modules: { queue } });
  client = postkit.queue;
});

async function runOut(id: string): Promise<void> {
  await db.super.query(
    `update queue.leases
     set locked_at = now() - interval '90.5 seconds', expires_at = now() - interval '1 second'
     where id = $1`,
    [id],
  );
}

describe("tickTimeouts", () => {
  it("takes jobs back, and tells for how long they were held", async () => {
    const id = (await client.push("email", {})) ?? "";
    await client.pull("email");
    expect(await client.tickTimeouts()).toEqual([]);
    await runOut(id);
    expect(await postkit.withNamespace("other").queue.tickTimeouts()).toEqual([]);
    expect(await client.tickTimeouts({ limit: 1 })).toEqual([
      { jobId: id, queue: "email", stuckDuration: expect.stringMatching(/^PT1M3\d(\.\d+)?S$/) },
    ]);
    expect(await client.pull("email")).toMatchObject({ id, attempts: 2 });
  });

  it.each([
    [0, "queue.VAL_NOT_POSITIVE"],
    [1001, "queue.VAL_LIMIT_TOO_LARGE"],
    [0.5, "core.VAL_ARGUMENT"],
  ])("refuses %s of them", async (limit, code) => {
    const error: unknown = await client.tickTimeouts({ limit }).catch((reason: unknown) => reason);
    expect(isPostkitError(error, code)).toBe(true);
  });
});

describe("maintain", () => {
  it("takes jobs back and pushes those of schedules, for all tenants", async () => {
    const id = (await client.push("email", {})) ?? "";
    await client.pull("email");
    await runOut(id);
    await client.createSchedule("s", { queue: "email", payload: 1, everyInterval: "PT1H" });
    await db.super.query("update queue.schedules set next_run_at = now()");
    const other = postkit.withNamespace("another").queue;
    expect(await other.maintain()).toEqual({
      isLeader: true,
      timedOut: 1,
      scheduled: 1,
      problems: [],
    });
    expect(await client.getStats()).toMatchObject({ pending: "2" });
  });

  it("does nothing while another call is at it", async () => {
    await postkit.transaction(async (tx) => {
      expect(await tx.queue.maintain()).toMatchObject({ isLeader: true });
      expect(await client.maintain()).toEqual({
        isLeader: false,
        timedOut: 0,
        scheduled: 0,
        problems: [],
      });
    });
  });

  it("is not for a role that was not given it", async () => {
    await using own = await createTestDatabase({ modules: [queue] });
    const { queue: plain } = createPostkit({ db: own.app, modules: { queue } });
    for (const work of [
      () => plain.maintain(),
      () => plain.createArchivePartition({ day: "2040-01-01" }),
      () => plain.ensureArchivePartitions(),
      () => plain.dropArchivePartitions(),
    ]) {
      await expect(work()).rejects.toMatchObject({ module: "core", code: "BIZ_NOT_GRANTED" });
    }
  });
});

describe("the partitions of the archive", () => {
  it("are made by day, and dropped when no queue keeps them", async () => {
    expect(await client.createArchivePartition({ day: "2020-02-29" })).toBe("archive_y2020m02d29");
    expect(await client.createArchivePartition({ day: "2020-02-29" })).toBeNull();
    expect(await client.dropArchivePartitions()).toEqual(["archive_y2020m02d29"]);
    expect(await client.dropArchivePartitions()).toEqual([]);
  });

  it("are made for the days to come", async () => {
    expect(await client.ensureArchivePartitions()).toEqual([]);
    const made = await client.ensureArchivePartitions({ daysAhead: 9 });
    expect(made).toHaveLength(2);
    expect(made[0]).toMatch(/^archive_y\d{4}m\d\dd\d\d$/);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    [
      "a day before all days",
      () => client.createArchivePartition({ day: "1969-12-31" }),
      "queue.VAL_DAY_OUT_OF_RANGE",
    ],
    ["no day", () => client.createArchivePartition({} as never), "queue.VAL_DAY_OUT_OF_RANGE"],
    [
      "a day that there is not",
      () => client.createArchivePartition({ day: "2023-02-29" }),
      "core.VAL_ARGUMENT",
    ],
    ["a day in words", () => client.createArchivePartition({ day: "today" }), "core.VAL_ARGUMENT"],
    [
      "a day before today",
      () => client.ensureArchivePartitions({ daysAhead: -1 }),
      "queue.VAL_DAY_OUT_OF_RANGE",
    ],
    ["half a day", () => client.ensureArchivePartitions({ daysAhead: 0.5 }), "core.VAL_ARGUMENT"],
  ])("are not made for %s", async (_, work, code) => {
    const error: unknown = await work().then(
      () => "It was not refused.",
      (reason: unknown) => reason,
    );
    expect(isPostkitError(error, code), String(error)).toBe(true);
  });
});
