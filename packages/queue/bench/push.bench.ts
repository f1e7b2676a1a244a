import { setTimeout as delay } from "node:timers/promises";
import type { Contest, Discipline } from "@postkit/bench";
import { pushConnections } from "./support/contestant.ts";
import { everyone, ours } from "./support/contestants.ts";
import { preload } from "./support/preload.ts";
import { ratePerSecond } from "./support/drain.ts";

const batchSize = 1_000;
/** What keeps the workers of everyone equally busy: 24 jobs of 50 ms at once are at most 480 a second. */
const busy = { concurrency: 24, jobMs: 50, backlog: 10_000 };

/** How fast jobs are taken in. */
export const contest: Contest = {
  name: "queue, pushing",
  disciplines: ({ scale }) => [batches(Math.round(100 * scale)), single(5_000 * scale)],
};

function batches(calls: number): Discipline {
  return {
    name: `${calls} calls of ${batchSize} jobs, one after the other`,
    entrants: everyone.map((contestant) => ({
      name: contestant.name,
      async run(database) {
        await using queue = await contestant.open(database, {
          queues: ["default"],
          tuning: "best",
        });
        await queue.pushMany({ count: 1 });
        const startedAt = performance.now();
        for (let call = 0; call < calls; call += 1) await queue.pushMany({ count: batchSize });
        const pushed = ratePerSecond(calls * batchSize, performance.now() - startedAt);
        await assertThere(queue, calls * batchSize + 1);
        return { "jobs/s": pushed };
      },
    })),
    targets: ours.flatMap(({ name: entrant }) => [
      { entrant, figure: "jobs/s", against: "graphile-worker", atLeast: 1.3 },
      { entrant, figure: "jobs/s", against: "pg-boss", atLeast: 2 },
    ]),
  };
}

async function assertThere(
  queue: { countUnfinished(): Promise<number> },
  expected: number,
): Promise<void> {
  const there = await queue.countUnfinished();
  if (there !== expected) throw new Error(`${there} jobs are there where ${expected} were pushed`);
}

function single(durationMs: number): Discipline {
  return {
    name: `single pushes by ${pushConnections} clients for ${durationMs / 1_000} s, workers busy`,
    entrants: everyone.map((contestant) => ({
      name: contestant.name,
      async run(database) {
        await using queue = await contestant.open(database, {
          queues: ["default"],
          tuning: "best",
        });
        await preload(queue, database, [{ count: busy.backlog }]);
        const { concurrency, jobMs } = busy;
        let handled = 0;
        await using _workers = await queue.work({
          concurrency,
          async onJob() {
            handled += 1;
            await delay(jobMs);
          },
        });
        // Connects.
        await Promise.all(Array.from({ length: pushConnections }, () => queue.push()));
        const [handledBefore, startedAt] = [handled, performance.now()];
        let pushed = 0;
        const client = async () => {
          while (performance.now() - startedAt < durationMs) {
            await queue.push();
            pushed += 1;
          }
        };
        await Promise.all(Array.from({ length: pushConnections }, client));
        const elapsedMs = performance.now() - startedAt;
        return {
          "pushes/s": ratePerSecond(pushed, elapsedMs),
          "jobs/s meanwhile": ratePerSecond(handled - handledBefore, elapsedMs),
        };
      },
    })),
    targets: ours.map(({ name: entrant }) => ({
      entrant,
      figure: "pushes/s",
      against: "graphile-worker",
      atLeast: 1.3,
    })),
  };
}
