import { setTimeout as delay } from "node:timers/promises";

export interface PollOptions {
  timeoutMs: number;
  intervalMs?: number;
}

/** Asks again and again until the answer is not undefined; undefined when the time is over. */
export async function poll<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  { timeoutMs, intervalMs = 10 }: PollOptions,
): Promise<T | undefined> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() >= deadline) return undefined;
    await delay(intervalMs);
  }
}
