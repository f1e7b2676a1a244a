import { createPostkit, type Transaction } from "@postkit/core";
import {
  defineQueue,
  queue,
  RetryLaterError,
  UnrecoverableError,
  type JobContext,
} from "@postkit/queue";
import { advance, pendingJobs, runJobs } from "@postkit/queue/testing";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ modules: [queue] });
});
afterAll(() => database.drop());

let tenants = 0;
const open = () => {
  tenants += 1;
  return createPostkit({ db: database.app, namespace: `t${tenants}`, modules: { queue } });
};
const idsOf = (jobs: readonly { id: string }[]) => jobs.map(({ id }) => id);
const minuteMs = 60_000;

describe("runJobs", () => {
  it("runs all ready jobs in their order, with those that handlers push, and leaves delayed ones", async () => {
    const postkit = open();
    const low = await postkit.queue.push("email", { n: 1 });
    const high = await postkit.queue.push("email", { n: 2 }, { priority: 5 });
    const later = await postkit.queue.push("email", { n: 3 }, { delayMs: minuteMs });
    const seen: unknown[] = [];
    const { done, failed, dead } = await runJobs(postkit.queue, "email", async (job) => {
      seen.push(job.payload);
      if (job.id === low) await postkit.queue.push("email", { n: 4 });
    });
    expect(seen).toEqual([{ n: 2 }, { n: 1 }, { n: 4 }]);
    expect(idsOf(done).slice(0, 2)).toEqual([high, low]);
    expect([done.length, failed, dead]).toEqual([3, [], []]);
    expect(idsOf(await pendingJobs(postkit.queue, "email"))).toEqual([later]);
  });

  it("settles what failed as a worker does, and tells what was thrown", async () => {
    const postkit = open();
    const again = await postkit.queue.push("email", "again");
    const last = await postkit.queue.push("email", "last", { maxAttempts: 1 });
    const never = await postkit.queue.push("email", "never");
    const later = await postkit.queue.push("email", "later");
    const late = await postkit.queue.push("email", "late", { maxAttempts: 1 });
    const thrown = new Error("451");
    const { done, failed, dead } = await runJobs(postkit.queue, "email", ({ payload }) => {
      if (payload === "never") throw new UnrecoverableError("no such address");
      if (payload === "later" || payload === "late") throw new RetryLaterError(minuteMs);
      throw thrown;
    });
    expect(done).toEqual([]);
    expect(failed.map(({ job, error }) => [job.id, error])).toEqual([
      [again, thrown],
      [later, new RetryLaterError(minuteMs)],
    ]);
    expect(dead.map(({ job }) => job.id)).toEqual([last, never, late]);
    expect(dead[0]?.error).toBe(thrown);
    expect(dead[2]?.error).toBeInstanceOf(RetryLaterError);
    const letters = await postkit.queue.listDeadLetters();
    expect(letters.map(({ originalJobId, reasonCode }) => [originalJobId, reasonCode])).toEqual([
      [late, "attempts"],
      [never, "failed"],
      [last, "attempts"],
    ]);
  });

  it("tries again what failed once its time has come", async () => {
    const postkit = open();
    await postkit.queue.push("email", {});
    const attempts: number[] = [];
    const handle = ({ attempts: attempt }: { attempts: number }) => {
      attempts.push(attempt);
      if (attempt === 1) throw new Error("451");
    };
    await runJobs(postkit.queue, "email", handle);
    await expect(runJobs(postkit.queue, "email", handle)).resolves.toMatchObject({ done: [] });
    await advance(postkit.queue, minuteMs);
    const { done } = await runJobs(postkit.queue, "email", handle);
    expect([attempts, done.length]).toEqual([[1, 2], 1]);
  });

  it("stops after as many attempts as it may make", async () => {
    const postkit = open();
    await postkit.queue.pushBatch("email", [1, 2, 3]);
    const { done } = await runJobs(postkit.queue, "email", () => {}, { max: 2 });
    expect([done.length, (await pendingJobs(postkit.queue, "email")).length]).toEqual([2, 1]);
  });

  it("gives a typed queue's payload as its schema makes it, and fails what is none", async () => {
    const postkit = open();
    const emails = defineQueue({
      name: "email",
      payload: z.object({ to: z.string(), subject: z.string().default("Hello") }),
    });
    await postkit.queue.push(emails, { to: "alice" });
    await postkit.queue.push("email", { from: "nobody" });
    const subjects: string[] = [];
    const { dead } = await runJobs(postkit.queue, emails, ({ payload }) => {
      subjects.push(payload.subject);
    });
    expect(subjects).toEqual(["Hello"]);
    expect(dead).toMatchObject([{ error: { code: "VAL_PAYLOAD_INVALID" } }]);
  });

  it("rolls a transactional handler's writes back with its failure", async () => {
    const postkit = open();
    await postkit.queue.push("email", {});
    const { failed } = await runJobs(
      postkit.queue,
      "email",
      async (_, { postkit: tx }: JobContext<Transaction<{ queue: typeof queue }>>) => {
        await tx.queue.push("audit", {});
        throw new Error("451");
      },
      { transactional: true },
    );
    expect(failed.length).toBe(1);
    expect(await pendingJobs(postkit.queue, "audit")).toEqual([]);
    const { done } = await afterAMinute(postkit, () =>
      runJobs(postkit.queue, "email", () => {}, { transactional: true }),
    );
    expect(done.length).toBe(1);
    expect(await pendingJobs(postkit.queue, "email")).toEqual([]);
  });

  it("works inside a transaction that a test rolls back", async () => {
    const postkit = open();
    const undo = new Error("undo");
    await expect(
      postkit.transaction(async (tx) => {
        await tx.queue.push("email", {});
        const { done } = await runJobs(tx.queue, "email", () => {});
        expect(done.length).toBe(1);
        await tx.queue.push("email", {});
        throw undo;
      }),
    ).rejects.toBe(undo);
    expect(await pendingJobs(postkit.queue, "email")).toEqual([]);
  });

  it("refuses what is no client, no queue, no handler and no number", async () => {
    const postkit = open();
    const code = { code: "VAL_ARGUMENT" };
    await expect(runJobs({} as never, "email", () => {})).rejects.toMatchObject(code);
    await expect(runJobs(postkit.queue, [], () => {})).rejects.toMatchObject(code);
    await expect(runJobs(postkit.queue, "email", 1 as never)).rejects.toMatchObject(code);
    await expect(runJobs(postkit.queue, "email", () => {}, { max: NaN })).rejects.toMatchObject(
      code,
    );
  });
});

describe("advance", () => {
  it("lets schedules run and leases end, of this tenant alone", async () => {
    const [postkit, other] = [open(), open()];
    for (const one of [postkit, other]) {
      await one.queue.push("slow", {});
      await one.queue.pull("slow");
      await one.queue.push("email", {}, { delayMs: minuteMs });
      await one.queue.createSchedule("sweep", {
        queue: "sweep",
        payload: {},
        everyInterval: "PT1H",
      });
    }
    await advance(postkit.queue, 60 * minuteMs);
    expect(await postkit.queue.tickSchedules()).toMatchObject([{ scheduleName: "sweep" }]);
    expect((await postkit.queue.tickTimeouts()).length).toBe(1);
    expect(await postkit.queue.pull("email")).not.toBeNull();
    expect(await other.queue.tickSchedules()).toEqual([]);
    expect(await other.queue.tickTimeouts()).toEqual([]);
    expect(await other.queue.pull("email")).toBeNull();
    // The schedule goes on from now.
    expect(await postkit.queue.tickSchedules()).toEqual([]);
    await advance(postkit.queue, 60 * minuteMs);
    expect((await postkit.queue.tickSchedules()).length).toBe(1);
  });

  it("refuses what is no time", async () => {
    const { queue: client } = open();
    await expect(advance(client, NaN)).rejects.toMatchObject({ code: "VAL_ARGUMENT" });
    await expect(advance(client, 1e15)).rejects.toMatchObject({ code: "VAL_INTERVAL_TOO_LARGE" });
  });
});

async function afterAMinute<T>(
  postkit: ReturnType<typeof open>,
  work: () => Promise<T>,
): Promise<T> {
  await advance(postkit.queue, minuteMs);
  return work();
}
