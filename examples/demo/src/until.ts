import { setTimeout as delay } from "node:timers/promises";

/** Asks again until the answer is yes, for ten seconds at most. */
export async function until(ask: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await ask()) && performance.now() < deadline) await delay(20);
}
