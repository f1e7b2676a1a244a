import type { Scratch } from "./scratch.ts";

/**
 * Runs what can be run, again and again until nothing more succeeds, since the only sure way to know an order that works,
 * or whether Postgres can replace a function in place, is to try. Needs an open transaction.
 */
export async function tryInAnyOrder<Item>(
  scratch: Scratch,
  items: readonly Item[],
  textOf: (item: Item) => string,
): Promise<{ done: Item[]; failed: Item[] }> {
  const done: Item[] = [];
  let pending = [...items];
  for (let progress = true; progress;) {
    const failed: Item[] = [];
    for (const item of pending)
      ((await succeeds(scratch, textOf(item))) ? done : failed).push(item);
    progress = failed.length < pending.length;
    pending = failed;
  }
  return { done, failed: pending };
}

async function succeeds({ client }: Scratch, text: string): Promise<boolean> {
  await client.query("savepoint trial");
  try {
    await client.query(text);
    await client.query("release savepoint trial");
    return true;
  } catch {
    await client.query("rollback to savepoint trial");
    return false;
  }
}
