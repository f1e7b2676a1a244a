import { interval, type CallOptions, type Handle } from "@postkit/core";
import { z } from "zod";
import { callerOf, type TransactionQueueClient } from "./client.ts";
import { argumentError } from "./errors.ts";
import type { Job } from "./jobs.ts";
import { callOptions, knownKeys } from "./options.ts";
import type { QueueRef } from "./queues.ts";
import { isDead, tenantBackend, type Backend } from "./worker/backend.ts";
import { handlersOf, type HandlerOf } from "./worker/handlers.ts";
import type { WorkerJob } from "./worker/job.ts";
import { jobRunner, type JobEnd } from "./worker/run-job.ts";
import { RunningJob } from "./worker/running-job.ts";

const leaseMs = 60_000;
const abandonMs = 5_000;

export interface RunJobsOptions {
  /** The most attempts that are made. @defaultValue 1000 */
  readonly max?: number | undefined;
  /** As for `work`: handler and settling in one transaction. @defaultValue false */
  readonly transactional?: boolean | undefined;
}

const knownOptions = knownKeys<RunJobsOptions>("the options object of runJobs", {
  max: true,
  transactional: true,
});

/** What became of the attempts, in the order in which they were made. */
export interface RunJobsResult {
  readonly done: readonly WorkerJob[];
  /** Those that will be tried again, as soon as `advance` has let their time come. */
  readonly failed: readonly FailedAttempt[];
  /** Those that were the last of their job. */
  readonly dead: readonly FailedAttempt[];
}

/** A job whose handler threw, and what it threw. */
export interface FailedAttempt {
  readonly job: WorkerJob;
  readonly error: unknown;
}

/**
 * Runs the jobs that are ready as a worker would, one after the other, until none is left: those that handlers push as
 * well, delayed ones not. On the client of a transaction all of it happens in there.
 *
 * @example
 * import { runJobs } from "@postkit/queue/testing";
 * await postkit.queue.push("email", { to: "alice@example.com" });
 * const { done, failed } = await runJobs(postkit.queue, "email", (job) => send(job.payload));
 *
 * @throws `core.VAL_ARGUMENT` for what is no client, queue or handler
 */
export async function runJobs<const Q extends QueueRef | readonly QueueRef[], H = Handle>(
  client: TransactionQueueClient,
  queues: Q,
  handler: HandlerOf<Q, H>,
  options: RunJobsOptions = {},
): Promise<RunJobsResult> {
  const { max = 1_000, transactional = false } = knownOptions(options);
  if (!(max >= 1)) throw argumentError("max must be a number from 1");
  const handlers = handlersOf(queues, handler);
  const names = [...handlers.keys()];
  const workerId = "runJobs";
  const caller = callerOf(client);
  const backend = tenantBackend({
    caller,
    own: caller,
    pulse: caller,
    queues: names,
    workerId,
    leaseMs,
  });
  const run = jobRunner({
    backend,
    handlers,
    isTransactional: transactional,
    timeoutMs: undefined,
    leaseMs,
    abandonMs,
  });
  const done: WorkerJob[] = [];
  const failed: FailedAttempt[] = [];
  const dead: FailedAttempt[] = [];
  for (let count = 0; count < max; count += 1) {
    const [row] = (await backend.exchange([], 1)).jobs;
    if (row === undefined) break;
    const running = new RunningJob(row, backend.namespace, performance.now());
    const { job } = running;
    const end = await new Promise<JobEnd>((resolve) => {
      run(running, resolve);
    });
    if (await hasDied(backend, job, end)) dead.push({ job, error: end.error });
    else if (end.error === undefined && end.message === undefined) done.push(job);
    else failed.push({ job, error: end.error ?? end.message });
  }
  return { done, failed, dead };
}

/** Settles what is not settled yet, and tells whether it made the job a dead letter. */
async function hasDied(
  backend: Backend,
  job: WorkerJob,
  { outcome, message, delayMs }: JobEnd,
): Promise<boolean> {
  if (outcome === "none") return false;
  const [settled] = await backend.settle([{ job, outcome, error: message, delayMs }]);
  return isDead({ outcome }, settled?.status ?? "stale");
}

/**
 * Lets time pass for the tenant's jobs and schedules: delayed jobs, those that wait to be tried again, deadlines of jobs
 * that somebody has, and the next runs of schedules come that much nearer. The clock itself goes on as it was. Schedules
 * then run by `tickSchedules`, and jobs out of time come back by `tickTimeouts`.
 *
 * @example
 * import { advance } from "@postkit/queue/testing";
 * await advance(postkit.queue, 3_600_000);
 * await postkit.queue.tickSchedules();
 *
 * @param ms milliseconds
 */
export async function advance(
  client: TransactionQueueClient,
  ms: number,
  options?: CallOptions,
): Promise<void> {
  const nothing = z.unknown().transform(() => undefined);
  return callerOf(client).value(
    "queue._advance",
    { p_by: interval(ms) },
    nothing,
    callOptions(options),
  );
}

/**
 * The jobs of a queue that nobody has, delayed ones among them, in the order of their ids: to see what was pushed.
 *
 * @example
 * import { pendingJobs } from "@postkit/queue/testing";
 * const [job] = await pendingJobs(postkit.queue, "email");
 * console.log(job?.payload);
 */
export async function pendingJobs(client: TransactionQueueClient, queue: QueueRef): Promise<Job[]> {
  const jobs: Job[] = [];
  for await (const job of client.iterateJobs({ queue, status: "pending" })) jobs.push(job);
  return jobs;
}
