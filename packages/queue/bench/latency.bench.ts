import { setTimeout as delay } from "node:timers/promises";
import { type Contest, type Discipline, quantile } from "@postkit/bench";
import type { OpenQueue } from "./support/contestant.ts";
import { everyone, ours } from "./support/contestants.ts";

const warmUps = 20;

/** How long a job waits when there is nothing else to do. */
export const contest: Contest = {
  name: "queue, latency",
  disciplines: ({ scale }) => [pickUp(Math.round(300 * scale))],
};

function pickUp(samples: number): Discipline {
  return {
    name: `from the push until the handler starts, idle workers, ${samples} jobs`,
    entrants: everyone.map((contestant) => ({
      name: contestant.name,
      async run(database) {
        await using queue = await contestant.open(database, {
          queues: ["default"],
          tuning: "best",
        });
        const times = await timePickUps(queue, samples);
        return { "p50 ms": quantile(times, 0.5), "p99 ms": quantile(times, 0.99) };
      },
    })),
    targets: ours.flatMap(({ name: entrant }) => [
      { entrant, figure: "p50 ms", against: "graphile-worker", atMost: 1 },
      { entrant, figure: "p99 ms", against: "graphile-worker", atMost: 1 },
      { entrant, figure: "p50 ms", atMost: 3 },
      { entrant, figure: "p99 ms", atMost: 15 },
    ]),
  };
}

async function timePickUps(queue: OpenQueue, samples: number): Promise<number[]> {
  let onStart = () => {};
  await using _workers = await queue.work({ onJob: () => onStart() });
  const times: number[] = [];
  for (let sample = -warmUps; sample < samples; sample += 1) {
    // At random, so that it falls on no beat of a poller; long enough for the job before to be completed.
    await delay(5 + Math.random() * 25);
    const started = new Promise<number>((resolve) => {
      onStart = () => resolve(performance.now());
    });
    const pushedAt = performance.now();
    await queue.push();
    const startedAt = await started;
    if (sample >= 0) times.push(startedAt - pushedAt);
  }
  return times;
}
