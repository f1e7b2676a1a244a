import { createPostkit } from "@postkit/core";
import { queue, type Worker, type WorkOptions } from "@postkit/queue";
import { advance } from "@postkit/queue/testing";
import { createTestDatabase, startProxy, type TestDatabase, waitFor } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { startProgram } from "./support/program.ts";
import {
  allSettled,
  connect,
  gate,
  openWorks,
  record,
  type Works,
  present,
} from "./support/works.ts";

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

async function workersLeft(): Promise<number> {
  const { rows } = await db.super.query<{ count: number }>(
    "select count(*)::int as count from queue.workers where namespace = $1",
    [works.tenant],
  );
  return present(rows[0]).count;
}

/** A worker with jobs taken ahead, all of whose handlers wait. */
async function workAhead(
  jobs: number,
): Promise<{ worker: Worker; open: () => void; begun: string[] }> {
  const { promise, open } = gate();
  const begun: string[] = [];
  let calls = 0;
  const worker = works.work(
    "q",
    ({ id }) => {
      calls += 1;
      if (calls <= jobs / 2) return;
      begun.push(id);
      return promise;
    },
    { concurrency: 5 },
  );
  for (let left = jobs; left > 0; left -= 1_000) {
    await client.pushBatch(
      "q",
      Array.from({ length: Math.min(left, 1_000) }, () => 1),
    );
  }
  await waitFor(() => begun.length === 5 && worker.load.waiting > 0, {
    what: "jobs that wait for a place",
  });
  return { worker, open, begun };
}

describe("drain", () => {
  it("waits for the jobs that run, and takes no others", async () => {
    const { promise, open } = gate();
    const { handler, calls, jobs } = record(() => promise);
    const worker = works.work("q", handler, { concurrency: 3 });
    await client.pushBatch("q", [1, 2, 3, 4, 5]);
    await calls(3);
    let isDrained = false;
    const drained = worker.drain().then(() => (isDrained = true));
    expect(worker.drain()).toBe(worker.drain());
    // As long as any other client of the database goes on.
    for (let turn = 0; turn < 10; turn += 1) await client.getStats();
    expect(isDrained).toBe(false);
    open();
    await drained;
    await worker.drained;
    expect(jobs).toHaveLength(3);
    expect(await client.getStats()).toMatchObject({ pending: "2", running: "0" });
    expect(await workersLeft()).toBe(0);
    expect(worker.load).toEqual({ running: 0, waiting: 0 });
  });

  it("gives back what was taken ahead as if it had never been taken", async () => {
    const { worker, open, begun } = await workAhead(4_000);
    const drained = worker.drain();
    await waitFor(async () => (await client.getStats()).running === "5");
    open();
    await drained;
    expect(begun).toHaveLength(5);
    const { rows } = await db.super.query(
      `select (select count(*) from queue.leases where namespace = $1)::int as leases,
         (select count(*) from queue.ready where namespace = $1 and attempts > 0)::int as tried`,
      [works.tenant],
    );
    expect(rows).toEqual([{ leases: 0, tried: 0 }]);
  });

  it("aborts after its time and gives back what then fails, with its attempt", async () => {
    const { handler, calls } = record();
    const worker = works.work(
      "q",
      (job, context) =>
        new Promise((_, reject) => {
          void handler(job, {} as never);
          context.signal.addEventListener("abort", () => reject(context.signal.reason as Error));
        }),
    );
    const id = await works.push("q", 1);
    await calls(1);
    await worker.drain({ timeoutMs: 20 });
    expect(await client.getJob(id)).toMatchObject({ status: "pending", attempts: 0, error: null });
    expect(works.errors).toEqual([]);
  });

  it("counts a job as done that resolves when it is told to end", async () => {
    const { handler, calls } = record();
    const worker = works.work("q", (job, { signal }) => {
      void handler(job, {} as never);
      return new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    const id = await works.push("q", 1);
    await calls(1);
    await worker.stop();
    expect(await client.getJob(id)).toBeNull();
  });

  it("gives back what does not end", async () => {
    const never = gate();
    const { handler, calls } = record(() => never.promise);
    const worker = works.work("q", handler, { abandonMs: 20 });
    const id = await works.push("q", 1);
    await calls(1);
    await worker.drain({ timeoutMs: 20 });
    expect(await client.getJob(id)).toMatchObject({ status: "pending", attempts: 0 });
    never.open();
  });

  it("has all the time there is, when it is given that", async () => {
    const { promise, open } = gate();
    const { handler, calls } = record((_, call) => (call === 1 ? promise : undefined));
    const worker = works.work("q", handler);
    const id = await works.push("q", 1);
    await calls(1);
    const drained = worker.drain({ timeoutMs: Number.POSITIVE_INFINITY });
    for (let turn = 0; turn < 10; turn += 1) await client.getStats();
    open();
    await drained;
    expect(await client.getJob(id)).toBeNull();
  });

  it("of a worker that has just begun leaves nothing behind", async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      const worker = works.work("q", () => {});
      if (turn % 2 === 0) await client.push("q", turn);
      await worker.drain();
      await worker.ready;
      expect(await workersLeft()).toBe(0);
      const { running } = await client.getStats();
      expect(running).toBe("0");
    }
  });

  it("ends while the database is away", async () => {
    await using proxy = await startProxy(db.appUrl);
    const behind = connect(proxy.url, works.tenant, {});
    const { handler, calls } = record();
    const worker = behind.queue.work("q", handler, { abandonMs: 20, onError: () => {} });
    await worker.ready;
    await client.push("q", 1);
    await calls(1);
    proxy.reject();
    proxy.cut();
    await worker.drain({ timeoutMs: 20 });
    expect(worker.load).toEqual({ running: 0, waiting: 0 });
    await behind.close();
  });

  it("ends while the database is silent", async () => {
    await using proxy = await startProxy(db.appUrl);
    const behind = connect(proxy.url, works.tenant, {});
    const { handler, calls } = record();
    const worker = behind.queue.work("q", handler, { abandonMs: 20, onError: () => {} });
    await worker.ready;
    await client.push("q", 1);
    await calls(1);
    proxy.stall();
    await worker.drain({ timeoutMs: 20 });
    expect(worker.load).toEqual({ running: 0, waiting: 0 });
    proxy.cut();
  });

  it("happens when the worker goes out of scope", async () => {
    const { promise, open } = gate();
    const { handler, calls } = record(() => promise);
    {
      await using _worker = works.work("q", handler);
      await client.push("q", 1);
      await calls(1);
      open();
    }
    await allSettled(works);
    expect(await workersLeft()).toBe(0);
  });
});

describe("a job that was taken ahead", () => {
  it("is cancelled without being begun when that is asked for", async () => {
    await client.setConfig({ archiveCompleted: true });
    const { worker, open, begun } = await workAhead(2_000);
    await worker.ready;
    const { rows } = await db.super.query<{ id: string }>(
      "select id from queue.leases where namespace = $1 and id <> all ($2) order by id desc limit 1",
      [works.tenant, begun],
    );
    const id = present(rows[0]).id;
    await client.requestCancel(id);
    await waitFor(async () => (await client.getJob(id))?.status === "cancelled");
    open();
    expect(begun).not.toContain(id);
  });
});

describe("stop", () => {
  it("aborts the jobs that run at once, also after drain has begun", async () => {
    const reasons: unknown[] = [];
    const { handler, calls } = record();
    const worker = works.work("q", (job, { signal }) => {
      void handler(job, {} as never);
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          reasons.push(signal.reason);
          reject(signal.reason as Error);
        });
      });
    });
    const id = await works.push("q", 1);
    await calls(1);
    const drained = worker.drain();
    await worker.stop();
    await drained;
    expect(reasons).toMatchObject([{ name: "JobAbortedError", why: "shutdown" }]);
    expect(await client.getJob(id)).toMatchObject({ status: "pending", attempts: 0 });
  });
});

describe("a process", () => {
  it("ends by itself once its worker is drained", async () => {
    await using program = startProgram(db.appUrl, works.tenant, { drainAfter: 2 });
    await client.push("q", "a");
    await client.push("q", "b");
    expect(await program.ended).toEqual({ code: 0, signal: null, errors: "" });
    expect(program.lines()).toEqual(["begin a", "end a", "begin b", "end b", "drained"]);
    expect(await workersLeft()).toBe(0);
  });

  it("that is told to end drains its workers first and then ends by that signal", async () => {
    await using program = startProgram(db.appUrl, works.tenant, {
      options: { shutdownSignals: ["SIGTERM"] },
      handlerMs: 300,
      workers: 2,
    });
    for (const payload of ["a", "b"]) await client.push("q", payload);
    await program.until("begin a");
    await program.until("begin b");
    program.kill("SIGTERM");
    expect(await program.ended).toEqual({ code: null, signal: "SIGTERM", errors: "" });
    expect(program.lines().toSorted()).toEqual(["begin a", "begin b", "end a", "end b"]);
    expect(await client.getStats()).toMatchObject({ pending: "0", running: "0" });
    expect(await workersLeft()).toBe(0);
  });

  it("that is told to end gives back what does not end in time", async () => {
    await using program = startProgram(db.appUrl, works.tenant, {
      options: { shutdownSignals: ["SIGTERM"], drainTimeoutMs: 50, abandonMs: 50 },
      handlerMs: 60_000,
    });
    const id = await works.push("q", "a");
    await program.until("begin a");
    program.kill("SIGTERM");
    expect(await program.ended).toMatchObject({ signal: "SIGTERM" });
    expect(await client.getJob(id)).toMatchObject({ status: "pending", attempts: 0 });
  });

  it("ends at once when it is told so a second time", async () => {
    await using program = startProgram(db.appUrl, works.tenant, {
      options: { shutdownSignals: ["SIGTERM"] },
      handlerMs: 60_000,
    });
    await client.push("q", "a");
    await program.until("begin a");
    program.kill("SIGTERM");
    await waitFor(async () => {
      program.kill("SIGTERM");
      return program.hasEnded();
    });
    expect(await program.ended).toMatchObject({ signal: "SIGTERM" });
  });
});

describe("a process that is killed", () => {
  /** Works off a thousand of twice as many jobs with one attempt, then kills the worker while two of them run. */
  async function lettersAfterKill(options: WorkOptions, isTime: () => Promise<boolean>) {
    for (const start of [0, 1_000]) {
      const payloads = Array.from({ length: 1_000 }, (_, index) => start + index);
      await client.pushBatch("q", payloads, { maxAttempts: 1 });
    }
    await using program = startProgram(db.appUrl, works.tenant, {
      options: { concurrency: 2, leaseMs: 600_000, ...options },
      blockAfter: 1_000,
    });
    await waitFor(() => program.lines().length >= 2_002, { timeoutMs: 30_000 });
    await waitFor(isTime);
    program.kill("SIGKILL");
    await program.ended;
    await advance(client, 600_000);
    await client.tickTimeouts({ limit: 1_000 });
    const begun = new Set(program.lines());
    const letters = await client.listDeadLetters({ limit: 1_000 });
    return letters.map(({ reasonCode, payload }) => ({
      reasonCode,
      hasBegun: begun.has(`begin ${String(payload)}`),
    }));
  }

  it("costs the jobs that it had taken ahead an attempt as well", async () => {
    const letters = await lettersAfterKill({}, async () => true);
    expect(letters).toContainEqual({ reasonCode: "timeout", hasBegun: false });
  });

  it("costs only those that had begun, when it takes none ahead", async () => {
    const letters = await lettersAfterKill(
      { prefetchMax: 0 },
      async () => (await client.getStats()).running === "2",
    );
    const begun = { reasonCode: "timeout", hasBegun: true };
    expect(letters).toEqual([begun, begun]);
  });
});

describe("a handle that is closed", () => {
  it("drains its workers first, and refuses new ones", async () => {
    const { tenant: namespace } = works;
    const postkit = createPostkit({ connectionString: db.appUrl, namespace, modules: { queue } });
    const id = (await postkit.queue.push("closing", {})) ?? "";
    let isDone = false;
    const begun = new Promise<void>((resolve) => {
      postkit.queue.work("closing", async () => {
        resolve();
        await client.getStats();
        isDone = true;
      });
    });
    await begun;
    await postkit.close();
    expect(isDone).toBe(true);
    expect(await client.getJob(id)).toBeNull();
    expect(() => postkit.queue.work("closing", () => {})).toThrow(
      expect.objectContaining({ module: "core", code: "BIZ_HANDLE_CLOSED" }),
    );
    for (const call of [
      () => postkit.queue.push("closing", {}),
      () => postkit.queue.waitFor(id),
      () => postkit.queue.iterateJobs().next(),
      () => postkit.withNamespace("another").queue.getStats(),
      () => postkit.transaction((tx) => tx.queue.push("closing", {})),
    ]) {
      await expect(call()).rejects.toMatchObject({ module: "core", code: "BIZ_HANDLE_CLOSED" });
    }
  });

  it.each([[true], ["SIGTERM"], [["SIGFOO"]], [[1]]])("refuses %j for signals", (signals) => {
    expect(() => client.work("q", () => {}, { shutdownSignals: signals as never })).toThrow(
      expect.objectContaining({ code: "VAL_ARGUMENT" }),
    );
  });
});
