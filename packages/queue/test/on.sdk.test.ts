import { createPostkit, type Postkit } from "@postkit/core";
import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { libraries } from "../../core/test/support/libraries.ts";

let db: TestDatabase;
let postkit: Postkit<{ queue: typeof queue }>;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  await db.owner.query("create table orders (id text primary key)");
  await db.owner.query(`grant select, insert on orders to ${db.appRole}`);
  postkit = createPostkit({ db: db.app, modules: { queue } });
});

afterAll(async () => {
  await postkit.close();
  await db.drop();
});

describe.each(libraries)("in a transaction of $name", (library) => {
  const handle = () => postkit.withNamespace(library.name);

  it("jobs go with the application's own rows, and roll back with them", async () => {
    await using application = await library.open(db.appUrl);
    const failing = application.transaction(async ({ executor, insertOrder }) => {
      await insertOrder(`${library.name} lost`);
      await handle().on(executor).queue.push("email", { order: "lost" });
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    await application.transaction(async ({ executor, insertOrder }) => {
      await insertOrder(`${library.name} kept`);
      await handle().on(executor).queue.push("email", { order: "kept" });
    });
    expect(await handle().queue.listJobs()).toMatchObject([{ payload: { order: "kept" } }]);
    const { rows } = await db.super.query("select id from orders where id like $1", [
      `${library.name} %`,
    ]);
    expect(rows).toEqual([{ id: `${library.name} kept` }]);
  });

  it("every kind of value comes back as it does from the client's own pool", async () => {
    await using application = await library.open(db.appUrl);
    await application.transaction(async ({ executor }) => {
      const { queue: client } = handle().withActor({ actorId: "user:1" }).on(executor);
      const runAt = new Date("2031-02-03T04:05:06.789Z");
      const id = await client.push("later", ["ü", null], { runAt, tags: ['a,"b"'], metadata: {} });
      expect(await client.getJob(id ?? "")).toMatchObject({
        id,
        payload: ["ü", null],
        scheduledAt: runAt,
        tags: ['a,"b"'],
        metadata: {},
        actorId: "user:1",
      });
      const ids = await client.pushBatch("typed", [1, "two", { three: '"3"\\' }, null]);
      const [taken] = await client.pushMany([
        { queue: "typed", payload: 0, uniqueKey: "k" },
        { queue: "typed", payload: 0, uniqueKey: "k" },
      ]);
      const jobs = await client.pullBatch("typed", { visibilityTimeoutMs: 90_500 });
      expect(jobs.map((job) => job.id)).toEqual([...ids, taken]);
      expect(await client.heartbeat(jobs, 60_000)).toEqual(
        jobs.map((job) => ({ id: job.id, status: "held" })),
      );
      expect(
        await client.settle(
          jobs.map((job) => ({ job, outcome: "nack", error: '"no"', backoffMs: 1500 })),
        ),
      ).toEqual(jobs.map((job) => ({ id: job.id, status: "ok" })));
      await client.createSchedule("s", { queue: "a", payload: {}, everyInterval: "P1M2DT3H4.5S" });
      expect(await client.getSchedule("s")).toMatchObject({
        everyInterval: "P1M2DT3H4.5S",
        runCount: "0",
        lastJobId: null,
        nextRunAt: expect.any(Date),
      });
      expect(await client.getConfig()).toMatchObject({ retention: "P7D", backoffFactor: 2 });
      expect(await client.getQueueStats({ queue: "typed" })).toEqual([
        {
          queue: "typed",
          pending: "5",
          running: "0",
          completed: "0",
          dead: "0",
          oldestPendingSeconds: expect.any(Number),
          deadLetters: "0",
          isPaused: false,
        },
      ]);
      const job = await client.pullAny(["none", "email"]);
      await client.fail(job ?? { id: "0", fence: "0" }, { error: "no" });
      expect(await client.listDeadLetters()).toMatchObject([
        { originalJobId: job?.id, failedAt: expect.any(Date), tags: [] },
      ]);
    });
  });
});
