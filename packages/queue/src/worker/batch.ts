import type { Held } from "./job.ts";

/** Most jobs that one call settles, keeps or takes. */
export const batchMax = 1_000;

/** Takes a batch from the front of a list; what names a job again stays for another call, since one may name it once. */
export function takeBatch<T>(list: T[], jobOf: (entry: T) => Held, max = batchMax): T[] {
  const batch = list.splice(0, max);
  const ids = new Set(batch.map((entry) => jobOf(entry).id));
  if (ids.size === batch.length) return batch;
  const again: T[] = [];
  const first = batch.filter((entry) => ids.delete(jobOf(entry).id) || again.push(entry) === 0);
  list.unshift(...again);
  return first;
}
