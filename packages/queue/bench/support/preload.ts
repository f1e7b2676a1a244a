import type { TestDatabase } from "@postkit/testkit";
import type { Batch, OpenQueue } from "./contestant.ts";

const batchSizeMax = 1_000;
const callsAtOnce = 4;

/** Pushes the jobs of a run that is yet to begin. */
export async function preload(
  queue: OpenQueue,
  database: TestDatabase,
  batches: readonly Batch[],
): Promise<void> {
  const calls = batches.flatMap(split);
  const push = async () => {
    for (let call = calls.pop(); call !== undefined; call = calls.pop()) await queue.pushMany(call);
  };
  await Promise.all(Array.from({ length: callsAtOnce }, push));
  // What autovacuum would have done in time, so that nobody's plans are made for an empty table.
  await database.super.query("vacuum analyze");
}

function split({ count, ...batch }: Batch): Batch[] {
  return Array.from({ length: Math.ceil(count / batchSizeMax) }, (_, call) => ({
    ...batch,
    count: Math.min(batchSizeMax, count - call * batchSizeMax),
  }));
}
