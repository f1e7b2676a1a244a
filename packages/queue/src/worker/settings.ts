import type { WorkerJob } from "./job.ts";

/** A worker's options with their defaults filled in. */
export interface WorkerSettings {
  readonly id: string;
  readonly concurrency: number;
  readonly prefetchMax: number;
  readonly leaseMs: number;
  readonly timeoutMs: number | undefined;
  readonly pollIntervalMs: number;
  readonly drainTimeoutMs: number;
  /** How long a handler may take to end once its signal was aborted; after that it is not waited for. */
  readonly abandonMs: number;
  readonly maintains: boolean;
  readonly listens: boolean;
  readonly onError: (error: unknown, job?: WorkerJob) => void;
  readonly onDead: (job: WorkerJob, error: unknown) => void;
}
