import { setTimeout as delay } from "node:timers/promises";
import type { OpenQueue } from "./contestant.ts";

const waitingMax = 20_000;
const batchSize = 1_000;
const feeders = 2;

/** A queue at work. */
export interface Load extends AsyncDisposable {
  /** Jobs that ran so far. */
  handled: number;
}

/** Keeps the workers in work: jobs are pushed as long as fewer than so many wait. */
export async function saturate(queue: OpenQueue): Promise<Load> {
  const over = new AbortController();
  let pushed = 0;
  const workers = await queue.work({ onJob: () => void (load.handled += 1) });
  const feed = async () => {
    while (!over.signal.aborted) {
      if (pushed - load.handled > waitingMax) {
        await delay(1);
        continue;
      }
      pushed += batchSize;
      await queue.pushMany({ count: batchSize });
    }
  };
  const load: Load = {
    handled: 0,
    async [Symbol.asyncDispose]() {
      over.abort();
      await feeding;
      await workers[Symbol.asyncDispose]();
    },
  };
  const feeding = Promise.all(Array.from({ length: feeders }, feed));
  return load;
}
