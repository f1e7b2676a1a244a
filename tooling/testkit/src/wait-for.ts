import { setTimeout as delay } from "node:timers/promises";

const intervalMs = 10;

export interface WaitOptions {
  /** @defaultValue 10,000 */
  timeoutMs?: number;
  /** Ends the sentence "Waited … ms for". @defaultValue the predicate's source */
  what?: string;
}

/**
 * Asks until the answer is truthy, and gives it.
 *
 * @throws Error when the time is over; its cause is what the predicate threw last.
 */
export async function waitFor<T>(
  predicate: () => T | Promise<T>,
  { timeoutMs = 10_000, what = String(predicate) }: WaitOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  while (performance.now() < deadline) {
    try {
      const answer = await predicate();
      if (answer) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await delay(intervalMs);
  }
  throw new Error(`Waited ${timeoutMs} ms for ${what}`, { cause });
}
