import type { Backend } from "./backend.ts";
import type { RunningJob } from "./running-job.ts";

/** Keeps jobs for the lease time from now, and aborts those that are to be given up. */
export async function keep(
  backend: Backend,
  held: readonly RunningJob[],
  leaseMs: number,
): Promise<void> {
  const askedAtMs = performance.now();
  let statuses;
  try {
    statuses = await backend.heartbeat(held);
  } catch (error) {
    abortLost(held, leaseMs);
    throw error;
  }
  for (const running of held) {
    const status = statuses.get(running.id);
    if (status === "stale") running.abort("lost", "the job is no longer held");
    else running.heldSinceMs = askedAtMs;
    if (status === "cancel_requested") {
      running.abort("cancel", "the job's cancellation was asked for");
    }
  }
}

function abortLost(held: readonly RunningJob[], leaseMs: number): void {
  const lostBeforeMs = performance.now() - leaseMs;
  for (const running of held) {
    if (running.heldSinceMs < lostBeforeMs) running.abort("lost", "the lease could not be kept");
  }
}

/** The jobs without those of which the worker holds a later attempt, which are lost: one call names a job once. */
export function withoutOvertaken(held: Iterable<RunningJob>): RunningJob[] {
  const latest = new Map<string, RunningJob>();
  for (const running of held) {
    const { id, fence } = running;
    const other = latest.get(id);
    if (other !== undefined && BigInt(other.fence) > BigInt(fence)) abortOvertaken(running);
    else {
      if (other !== undefined) abortOvertaken(other);
      latest.set(id, running);
    }
  }
  return [...latest.values()];
}

function abortOvertaken(running: RunningJob): void {
  running.abort("lost", "the job was taken anew");
}
