import { isPostkitError, type Caller, type Handle } from "@postkit/core";
import type { Backend } from "./backend.ts";
import type { WorkerJob } from "./job.ts";
import { describeError } from "./describe-error.ts";
import type { QueueHandler } from "./handlers.ts";
import { keep } from "./heartbeat.ts";
import { RetryLaterError, UnrecoverableError } from "./outcomes.ts";
import type { RunningJob } from "./running-job.ts";

/** How a run ended, and what is to be told of it. */
export interface JobEnd {
  /** `none`: it is settled already, or no longer ours to settle. */
  readonly outcome: "ack" | "nack" | "fail" | "release_uncounted" | "cancel" | "none";
  readonly message?: string;
  readonly delayMs?: number;
  readonly error?: unknown;
  /** Whether the error is the handler's way to say what is to happen, and no failure. */
  readonly isMeant?: boolean;
}

/** Runs a job and tells once how it ended. */
export type JobRunner = (running: RunningJob, onEnd: (end: JobEnd) => void) => void;

/** What a handler gets besides its job. */
export interface JobContext<H = Handle> {
  /**
   * Aborted when the job ran out of time, was cancelled, was lost to another worker, or the worker ends; its reason is
   * a `JobAbortedError`.
   */
  readonly signal: AbortSignal;
  /**
   * The application's modules for the tenant of the job; with `transactional`, inside the transaction that the job is
   * settled in.
   */
  readonly postkit: H;
  /**
   * Keeps the job for the lease time from now, as the worker does by itself again and again. Worth it in a handler that
   * keeps the process busy for seconds on end.
   *
   * @throws JobAbortedError when the job is to be given up
   */
  heartbeat(): Promise<void>;
}

export type JobHandler<Payload, H> = (job: WorkerJob<Payload>, context: JobContext<H>) => unknown;

export interface RunOptions {
  readonly backend: Backend;
  readonly handlers: ReadonlyMap<string, QueueHandler>;
  readonly isTransactional: boolean;
  readonly leaseMs: number;
  readonly timeoutMs: number | undefined;
  readonly abandonMs: number;
}

export function jobRunner(options: RunOptions): JobRunner {
  const { timeoutMs, abandonMs } = options;
  return (running, onEnd) => {
    let hasEnded = false;
    const end = (outcome: JobEnd) => {
      if (hasEnded) return;
      hasEnded = true;
      running.end();
      onEnd(outcome);
    };
    if (timeoutMs !== undefined) running.abortAfter(timeoutMs);
    // A handler that does not end although it was told to is not waited for: its place is free, its job another's.
    running.onAbandoned(abandonMs, (error) => end(endOf(error, running)));
    run(running, options).then(end, (error: unknown) => end(endOf(error, running)));
  };
}

async function run(running: RunningJob, options: RunOptions): Promise<JobEnd> {
  const { backend, handlers, isTransactional } = options;
  const handler = handlers.get(running.queue);
  if (handler === undefined) return { outcome: "release_uncounted" };
  let { job } = running;
  if (handler.parse !== undefined) {
    try {
      job = { ...job, payload: handler.parse(job.payload) };
    } catch (error) {
      return { outcome: "fail", message: describeError(error), error };
    }
  }
  const handle = (caller: Caller) => handler.handle(job, contextOf(running, caller, options));
  if (isTransactional) return runInTransaction(running, backend, handle);
  await handle(backend.callerFor(running));
  return running.aborted?.why === "lost"
    ? { outcome: "none", error: running.aborted }
    : { outcome: "ack" };
}

/** Handles and settles a job in one transaction, which ends with the wait for its handler. */
async function runInTransaction(
  running: RunningJob,
  backend: Backend,
  handle: (tx: Caller) => unknown,
): Promise<JobEnd> {
  let isHandled = false;
  try {
    await backend.callerFor(running).transaction(
      async (tx) => {
        await handle(tx);
        isHandled = true;
        await backend.acknowledge(tx, running);
      },
      { signal: running.abandonment },
    );
    return { outcome: "none" };
  } catch (error) {
    if (isHandled && isLost(error)) return { outcome: "none", error };
    throw error;
  }
}

/** Makes nothing before it is asked for: most handlers use little of it. */
function contextOf(
  running: RunningJob,
  caller: Caller,
  { backend, leaseMs }: RunOptions,
): JobContext<Handle> {
  return {
    get signal() {
      return running.signal;
    },
    get postkit() {
      return caller.handle;
    },
    async heartbeat() {
      await keep(backend, [running], leaseMs);
      if (running.aborted !== undefined) throw running.aborted;
    },
  };
}

/** What a handler's failure means for its job. */
function endOf(error: unknown, { aborted }: RunningJob): JobEnd {
  const message = describeError(error);
  if (aborted?.why === "lost") return { outcome: "none", error };
  if (aborted?.why === "cancel") return { outcome: "cancel", message };
  if (aborted?.why === "shutdown") return { outcome: "release_uncounted" };
  if (error instanceof UnrecoverableError) return { outcome: "fail", message, error };
  if (error instanceof RetryLaterError) {
    return { outcome: "nack", message, delayMs: error.delayMs, error, isMeant: true };
  }
  return { outcome: "nack", message, error };
}

/** Whether the transaction of a handler was refused since the job is another's now, or may have been committed. */
function isLost(error: unknown): boolean {
  return (
    isPostkitError(error, "queue.FENCE_STALE") || isPostkitError(error, "core.SYS_COMMIT_UNKNOWN")
  );
}
