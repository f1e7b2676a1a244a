import { setTimeout as delay } from "node:timers/promises";

import { queue, type Worker } from "@postkit/queue";
import { createTestDatabase, type TestDatabase, waitFor } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openSession } from "./support/session.ts";
import { gate, openWorks, record, type Works, present } from "./support/works.ts";

/** More of them find rarer races: `POSTKIT_TEST_WAKE_UPS=100000`. */
const rounds = Number(process.env["POSTKIT_TEST_WAKE_UPS"] ?? 3_000);
/** Each on a database of its own, since a transaction under way keeps all workers of its database looking for jobs. */
const lanes = 5;
const deadlineMs = 5_000;
const seed = Number(process.env["POSTKIT_TEST_SEED"] ?? Date.now() % 2 ** 31);

/** Numbers from 0 to below 1 that come again with the same seed. */
function randomOf(from: number): () => number {
  let state = from;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

interface Push {
  readonly works: Works;
  readonly random: () => number;
  /** To be pushed, each as a job. */
  readonly payloads: readonly string[];
}

/** Ways to push; each gives for how long after its commit the jobs have to wait. */
const pushes = {
  async alone({ works, payloads }: Push) {
    for (const payload of payloads) await works.queue.push("q", payload);
    return 0;
  },
  async batch({ works, payloads }: Push) {
    await works.queue.pushBatch("q", [...payloads]);
    return 0;
  },
  async many({ works, payloads }: Push) {
    const jobs = payloads.map((payload) => ({ queue: "q", payload }));
    await works.queue.pushMany([...jobs, { queue: "elsewhere", payload: "" }]);
    return 0;
  },
  async heldOpen({ works, payloads, random }: Push) {
    await works.postkit.transaction(async (tx) => {
      for (const payload of payloads) await tx.queue.push("q", payload);
      await delay(random() * 30);
    });
    return 0;
  },
  async oldSnapshot({ works, payloads, random }: Push) {
    await works.postkit.transaction(
      async (tx) => {
        await tx.query("select from queue.workers");
        await delay(random() * 10);
        for (const payload of payloads) await tx.queue.push("q", payload);
      },
      { isolation: "repeatable read" },
    );
    return 0;
  },
  async delayed({ works, payloads, random }: Push) {
    const delayMs = 1 + Math.floor(random() * 8);
    for (const payload of payloads) await works.queue.push("q", payload, { delayMs });
    return delayMs;
  },
};

const kinds = Object.keys(pushes) as (keyof typeof pushes)[];

interface Lane {
  readonly name: number;
  readonly rounds: number;
  /** Started with before the first round, and ended with after the last. */
  readonly adversary?: (works: Works) => Promise<() => Promise<void>>;
}

/** Has workers go idle while jobs are pushed, and gives the longest time that one waited. */
async function runLane({ name, rounds: count, adversary }: Lane): Promise<number> {
  await using db = await createTestDatabase({ modules: [queue] });
  await using works = openWorks(db, { max: 12 });
  // Keeps the connection of the listener from round to round.
  await works.postkit.listen("nobody", () => {}).ready;
  const relent = await adversary?.(works);
  const random = randomOf(seed + name);
  const waiting = new Map<unknown, (now: number) => void>();
  const start = () =>
    works.work("q", ({ payload }) => waiting.get(payload)?.(performance.now()), {
      maintain: false,
      concurrency: 1 + Math.floor(random() * 3),
    });
  let workers: Worker[] = [];
  let worstMs = 0;
  for (let round = 0; round < count; round += 1) {
    // With a worker that is busy, nobody is notified unless another has said that it waits.
    if (round % 100 === 0) await reportBusy(db, works.tenant);
    const kind = present(kinds[Math.floor(random() * kinds.length)]);
    const payloads = Array.from(
      { length: 1 + Math.floor(random() * 3) },
      (_, job) => `${round}.${job}`,
    );
    const started = payloads.map((payload) => {
      const { promise, open } = gate<number>();
      waiting.set(payload, open);
      return promise;
    });
    const isFresh = workers.length === 0 || random() < 0.7;
    if (isFresh) await Promise.all(workers.splice(0).map((worker) => worker.drain()));
    const pushed = delay(random() * 8).then(() => pushes[kind]({ works, random, payloads }));
    await delay(random() * 8);
    if (isFresh) workers = Array.from({ length: random() < 0.3 ? 2 : 1 }, start);
    const waitedMs = await pushed;
    const dueAt = performance.now() + waitedMs;
    const what = `seed ${seed}, lane ${name}, round ${round}: ${kind}`;
    worstMs = Math.max(worstMs, (await inTime(Promise.all(started), what)) - dueAt);
    for (const payload of payloads) waiting.delete(payload);
  }
  await relent?.();
  expect(works.errors).toEqual([]);
  return worstMs;
}

async function inTime(started: Promise<number[]>, what: string): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`A wake-up was lost: ${what}`)), deadlineMs);
  });
  return Math.max(...(await Promise.race([started, late]).finally(() => clearTimeout(timer))));
}

async function reportBusy({ app }: TestDatabase, tenant: string): Promise<void> {
  await using session = await openSession(app, tenant);
  await session.call("report_worker", {
    p_namespace: tenant,
    p_queues: ["q"],
    p_worker_id: "busy",
    p_is_waiting: false,
  });
}

/** One that has pushed and neither commits nor goes away. */
async function pushAndStay({ postkit }: Works): Promise<() => Promise<void>> {
  const { promise, open } = gate();
  const begun = gate();
  const over = postkit.transaction(async (tx) => {
    await tx.queue.push("q", "much later");
    begun.open();
    await promise;
  });
  await begun.promise;
  return () => {
    open();
    return over;
  };
}

describe("no wake-up is lost", () => {
  it(
    "while workers that do not poll go idle and others push",
    { timeout: 120_000 + rounds * 50 },
    async () => {
      const worst = await Promise.all(
        Array.from({ length: lanes }, (_, name) =>
          runLane({ name, rounds: Math.ceil(rounds / lanes) }),
        ),
      );
      if (process.env["POSTKIT_TEST_WAKE_UPS"]) console.log("longest waits in ms", worst);
      expect(Math.max(...worst)).toBeLessThan(deadlineMs);
    },
  );

  it("while somebody who has pushed keeps his transaction open", { timeout: 60_000 }, async () => {
    const worst = await runLane({ name: lanes, rounds: 100, adversary: pushAndStay });
    if (process.env["POSTKIT_TEST_WAKE_UPS"]) console.log("longest wait in ms", worst);
    expect(worst).toBeLessThan(deadlineMs);
  });
});

describe("notifications of pushes", () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase({ modules: [queue] });
  });
  afterAll(() => db.drop());

  /** Notes what a program in any language hears that listens to the queue `q`, up to a mark that this sets. */
  async function listenTo(tenant: string) {
    const session = await openSession(db.app, tenant);
    const heard: string[] = [];
    session.client.on("notification", ({ channel, payload = "" }) =>
      heard.push(channel === "mark" ? "mark" : payload),
    );
    const { rows } = await session.query<{ channel: string }>(
      "select queue.channel_name($1, 'q') as channel",
      [tenant],
    );
    await session.query(`listen ${present(rows[0]).channel}; listen mark`);
    return {
      async take(): Promise<string[]> {
        await db.super.query("notify mark");
        await waitFor(() => heard.includes("mark"));
        return heard.splice(0, heard.indexOf("mark") + 1).slice(0, -1);
      },
      [Symbol.asyncDispose]: session[Symbol.asyncDispose],
    };
  }

  const isWaiting = async ({ tenant }: Works) => {
    const { rows } = await db.super.query<{ is_waiting: boolean }>(
      "select bool_or(is_waiting) as is_waiting from queue.workers where namespace = $1",
      [tenant],
    );
    return rows[0]?.is_waiting;
  };

  it("reach who listens without a worker of ours, with what the contract says", async () => {
    await using works = openWorks(db);
    await using listener = await listenTo(works.tenant);
    const id = await works.push("q", 1);
    await works.queue.pushBatch("q", [1, 2]);
    expect((await listener.take()).map((text) => JSON.parse(text) as unknown)).toEqual([
      { id: Number(id), queue: "q" },
      { count: 2, queue: "q" },
    ]);
  });

  it("are not sent while all workers are busy, and again when one has nothing to do", async () => {
    await using works = openWorks(db);
    await using listener = await listenTo(works.tenant);
    const { promise: over, open: end } = gate();
    let isOver = false;
    const { handler, payloads } = record();
    const worker = works.work(
      "q",
      async (job) => {
        if (job.payload !== "filling") return handler(job, {} as never);
        if (!isOver) await Promise.race([delay(5), over]);
      },
      { concurrency: 2, maintain: false },
    );
    await worker.ready;
    await waitFor(() => isWaiting(works));
    let pushed = 0;
    await waitFor(
      async () => {
        await works.queue.pushBatch(
          "q",
          Array.from({ length: 100 }, () => "filling"),
        );
        pushed += 100;
        return (await isWaiting(works)) === false;
      },
      { what: "the worker to say that it is busy" },
    );
    await works.queue.pushBatch(
      "q",
      Array.from({ length: 1_000 }, () => "filling"),
    );
    await listener.take();
    for (let push = 0; push < 50; push += 1) await works.queue.push("q", "while busy");
    expect(await isWaiting(works)).toBe(false);
    expect(await listener.take()).toEqual([]);
    isOver = true;
    end();
    await waitFor(() => payloads().length === 50, { timeoutMs: 20_000 });
    await waitFor(() => isWaiting(works));
    await works.queue.push("q", "when idle");
    await waitFor(() => payloads().at(-1) === "when idle");
    expect(await listener.take()).toHaveLength(1);
    expect(pushed).toBeGreaterThan(0);
  });
});
