import { barrier } from "./barrier.ts";

/**
 * Runs the function as often as asked, all at the same moment, and gives how each ended. Connections that must not cost
 * time in the race are opened before it.
 *
 * @example
 * const results = await race(8, (index) => db.app.query("select queue.claim(...)"));
 */
export async function race<T>(
  count: number,
  run: (index: number) => T | Promise<T>,
): Promise<PromiseSettledResult<Awaited<T>>[]> {
  const start = barrier(count);
  return Promise.allSettled(
    Array.from({ length: count }, async (_, index) => {
      await start.arrive();
      return run(index);
    }),
  );
}
