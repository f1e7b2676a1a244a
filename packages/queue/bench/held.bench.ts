import { setTimeout as delay } from "node:timers/promises";
import type { Contest } from "@postkit/bench";
import type { TestDatabase } from "@postkit/testkit";
import type { OpenQueue } from "./support/contestant.ts";
import { ours } from "./support/contestants.ts";
import { ratePerSecond } from "./support/drain.ts";
import { type Load, saturate } from "./support/saturate.ts";

/** In windows of 10 s: settling in, then undisturbed, then with the transaction held open for 3 minutes. */
const windows = { warmUp: 2, clean: 6, held: 18, last: 6 };

/** A forgotten transaction keeps every dead row in the tables; a queue at work makes many. */
export const contest: Contest = {
  name: "queue, with a transaction held open",
  disciplines: ({ scale }) =>
    ours.map((contestant) => ({
      name: `at saturation, held for ${windows.held * 10 * scale} s`,
      entrants: [
        {
          name: contestant.name,
          async run(database) {
            await using queue = await contestant.open(database, {
              queues: ["default"],
              tuning: "best",
            });
            return await holdWhileAtWork(queue, database, 10_000 * scale);
          },
        },
      ],
      targets: [{ entrant: contestant.name, figure: "last minute / clean", atLeast: 0.9 }],
      roundsMax: 1,
    })),
};

async function holdWhileAtWork(
  queue: OpenQueue,
  database: TestDatabase,
  windowMs: number,
): Promise<Record<string, number>> {
  await using load = await saturate(queue);
  const rates = (count: number) => ratesOf(load, count, windowMs);
  await rates(windows.warmUp);
  const clean = mean(await rates(windows.clean));
  const holder = await database.super.connect();
  await holder.query("begin isolation level repeatable read");
  await holder.query("select pg_current_xact_id()");
  const held = await rates(windows.held);
  await holder.query("rollback");
  // A second session in the pool would pass for a stranger.
  holder.release(true);
  const lastMinute = mean(held.slice(-windows.last));
  return {
    "clean jobs/s": clean,
    "last minute jobs/s": lastMinute,
    "last minute / clean": lastMinute / clean,
    ...Object.fromEntries(held.map((rate, index) => [`jobs/s, window ${index + 1}`, rate])),
  };
}

async function ratesOf(load: Load, count: number, windowMs: number): Promise<number[]> {
  const rates: number[] = [];
  for (let window = 0; window < count; window += 1) {
    const [before, startedAt] = [load.handled, performance.now()];
    await delay(windowMs);
    rates.push(ratePerSecond(load.handled - before, performance.now() - startedAt));
  }
  return rates;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
