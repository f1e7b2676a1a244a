/** Exponential backoff with full jitter, so that those who failed together do not come back together. */
export function backoffMs(
  attempt: number,
  { firstMs, maxMs }: { firstMs: number; maxMs: number },
): number {
  return Math.random() * Math.min(maxMs, firstMs * 2 ** attempt);
}
