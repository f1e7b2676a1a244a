import { queue } from "@postkit/queue";
import { runJobs } from "@postkit/queue/testing";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from "vitest";

import { openWorks, present, type Works } from "./support/works.ts";

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

/** Long before any of the limits of these tests. */
const soon = { timeoutMs: 20 };

describe("waitFor", () => {
  it("resolves when a worker has done the job, with the job where completed ones are kept", async () => {
    await client.setConfig({ archiveCompleted: true });
    const id = await works.push("q", { n: 1 }, { delayMs: 60 });
    const ended = client.waitFor(id);
    works.work("q", () => {});
    expect(await ended).toMatchObject({
      status: "completed",
      job: { id, status: "completed", payload: { n: 1 }, completedAt: expect.any(Date) },
    });
  });

  it("says that a job is gone where completed ones are not kept, or that nobody ever pushed", async () => {
    const id = await works.push("q", 1);
    const ended = client.waitFor({ id });
    works.work("q", () => {});
    expect(await ended).toEqual({ status: "gone", job: null });
    expect(await client.waitFor("999999999")).toEqual({ status: "gone", job: null });
  });

  it("tells of a dead letter with its error, and of a job that was cancelled", async () => {
    await client.setConfig({ archiveCompleted: true });
    const [failed, cancelled] = [await works.push("q", 1), await works.push("q", 2)];
    await client.fail(present(await client.pull("q")), { error: "no such address" });
    await client.settle([{ job: present(await client.pull("q")), outcome: "cancel" }]);
    expect(await client.waitFor(failed)).toMatchObject({
      status: "dead",
      job: { id: failed, error: "no such address" },
    });
    expect(await client.waitFor(cancelled)).toMatchObject({
      status: "cancelled",
      job: { id: cancelled },
    });
  });

  it("takes a job that was pulled", async () => {
    await works.push("q", 1);
    const job = present(await client.pull("q"));
    await client.ack(job);
    expect(await client.waitFor(job)).toEqual({ status: "gone", job: null });
  });

  it("does not take a job that will be tried again for one that has ended", async () => {
    const id = await works.push("q", 1);
    const { failed } = await runJobs(client, "q", () => {
      throw new Error("451");
    });
    expect(failed).toHaveLength(1);
    await expect(client.waitFor(id, soon)).rejects.toMatchObject({ code: "SYS_TIMEOUT" });
  });

  it("rejects when the time is over, with what the job is", async () => {
    const id = await works.push("q", 1);
    await expect(client.waitFor(id, soon)).rejects.toMatchObject({
      module: "core",
      code: "SYS_TIMEOUT",
      message: `job ${id} has not ended within 20 ms: it is pending`,
    });
    await client.pull("q");
    await expect(client.waitFor(id, { timeoutMs: 0 })).rejects.toMatchObject({
      message: `job ${id} has not ended within 0 ms: it is running`,
    });
  });

  it("rejects when its signal is aborted, also between two looks", async () => {
    const id = await works.push("q", 1);
    const controller = new AbortController();
    const ended = client.waitFor(id, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(ended).rejects.toMatchObject({
      module: "core",
      code: "SYS_ABORTED",
      cause: { message: "enough" },
    });
    const signal = AbortSignal.timeout(150);
    await expect(client.waitFor(id, { signal })).rejects.toMatchObject({ code: "SYS_ABORTED" });
  });

  it("looks less and less often, and once more when the time is over", async () => {
    let looks = 0;
    await using postkit = openWorks(db, { onQuery: () => (looks += 1) });
    const id = await postkit.push("q", 1);
    const waitFor = async (timeoutMs: number) => {
      looks = 0;
      await expect(postkit.queue.waitFor(id, { timeoutMs })).rejects.toThrow("has not ended");
      return looks;
    };
    expect(await waitFor(10)).toBeGreaterThanOrEqual(2);
    // At 0, 25, 75, 175, 375, 775 and 1000 ms, perhaps once more just before the end, or fewer where the machine is slow.
    expect(await waitFor(1_000)).toBeLessThanOrEqual(8);
  });

  it.each([[-1], [Number.NaN], ["1000"]])("refuses a timeoutMs of %o", async (timeoutMs) => {
    const waiting = client.waitFor("1", { timeoutMs } as { timeoutMs: number });
    await expect(waiting).rejects.toMatchObject({ module: "core", code: "VAL_ARGUMENT" });
  });

  it("waits for ever when it is given that", async () => {
    const id = await works.push("q", 1);
    const ended = client.waitFor(id, { timeoutMs: Infinity });
    await client.ack(present(await client.pull("q")));
    expect(await ended).toMatchObject({ status: "gone" });
  });

  it("needs an id", async () => {
    const waiting = client.waitFor(null as never);
    await expect(waiting).rejects.toMatchObject({ module: "queue", code: "VAL_JOB_ID_NULL" });
    await expect(client.waitFor("abc")).rejects.toMatchObject({ code: "VAL_ARGUMENT" });
  });

  it("is refused in a transaction, whose jobs nobody runs before it commits", async () => {
    await works.postkit.transaction(async (tx) => {
      const id = present(await tx.queue.push("q", 1));
      expectTypeOf(tx.queue).not.toHaveProperty("waitFor");
      const untyped = tx.queue as Works["queue"];
      await expect(untyped.waitFor(id)).rejects.toMatchObject({
        module: "core",
        code: "VAL_ARGUMENT",
        message: expect.stringContaining("not for a transaction") as string,
      });
    });
  });
});
