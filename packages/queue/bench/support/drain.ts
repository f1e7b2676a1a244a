import { setTimeout as delay } from "node:timers/promises";
import type { OpenQueue } from "./contestant.ts";

/** Whoever has lost jobs does not end by itself. */
const patienceMs = 10 * 60_000;

export interface DrainOptions {
  /** Jobs to be worked on. */
  readonly count: number;
  /** Jobs that stay; with "any" more may be there, and the clock ends with the last handler. @defaultValue 0 */
  readonly left?: number | "any";
  /** Ends it with what is done by then. @defaultValue none; it must end by itself in 10 minutes */
  readonly msMax?: number;
}

/**
 * Works on preloaded jobs with a handler that does nothing, and gives the jobs per second. The clock runs from the start
 * of the first job, since opening connections is not the matter here, until the last job is completed in the database.
 */
export async function drain(
  queue: OpenQueue,
  { count, left = 0, msMax }: DrainOptions,
): Promise<number> {
  let handled = 0;
  let startedAt = 0;
  let handledAllAt = 0;
  let handledAll = () => {};
  const end = new Promise<void>((resolve) => (handledAll = resolve));
  await using _workers = await queue.work({
    onJob() {
      if (handled === 0) startedAt = performance.now();
      handled += 1;
      if (handled !== count) return;
      handledAllAt = performance.now();
      handledAll();
    },
  });
  await Promise.race([end, delay(msMax ?? patienceMs, undefined, { ref: false })]);
  if (handled < count && msMax === undefined)
    throw new Error(`${handled} of ${count} jobs ran, and no more`);
  if (handled < count) return ratePerSecond(handled, performance.now() - startedAt);
  if (left === "any") return ratePerSecond(count, handledAllAt - startedAt);
  const completedAt = await whenCompleted(queue, left);
  if (handled > count) throw new Error(`${handled} jobs ran where ${count} were to run`);
  return ratePerSecond(count, completedAt - startedAt);
}

/** The time of the question that found nothing more, so that counting is not part of the time. */
async function whenCompleted(queue: OpenQueue, left: number): Promise<number> {
  const deadline = performance.now() + patienceMs;
  while (performance.now() < deadline) {
    const askedAt = performance.now();
    const unfinished = await queue.countUnfinished();
    if (unfinished < left)
      throw new Error(`${unfinished} jobs are left where ${left} were to stay`);
    if (unfinished === left) return askedAt;
  }
  throw new Error("all jobs ran, and not all of them are completed");
}

export function ratePerSecond(count: number, ms: number): number {
  return (count * 1_000) / ms;
}
