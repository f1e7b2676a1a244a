import {
  bigint,
  bigintArray,
  columns,
  interval,
  intervalArray,
  textArray,
  type CallOptions,
  type Caller,
} from "@postkit/core";
import { z } from "zod";
import { argumentError, queueError } from "./errors.ts";
import { PulledJob } from "./jobs.ts";
import { callOptions, knownKeys, optionsOf } from "./options.ts";
import { duration, flag, text, whole } from "./parameters.ts";
import { queueName, type QueueRef } from "./queues.ts";

/** What proves that a job is the caller's: a job that was pulled, or these two of it. */
export interface JobRef {
  readonly id: string;
  readonly fence: string | null;
}

export interface PullOptions extends CallOptions {
  /** Who takes it, for people who look. @defaultValue `anonymous` */
  readonly workerId?: string | undefined;
  /** How long it is the caller's, in milliseconds. @defaultValue the setting of the queue, 5 minutes */
  readonly visibilityTimeoutMs?: number | undefined;
}

export interface PullBatchOptions extends PullOptions {
  /** The most jobs, 1 to 1000. @defaultValue 10 */
  readonly limit?: number | undefined;
}

export interface FailOptions extends CallOptions {
  /** Why. @defaultValue what the job failed with before */
  readonly error?: string | undefined;
}

export interface NackOptions extends CallOptions {
  /** Why. @defaultValue none */
  readonly error?: string | undefined;
  /** How long it waits, in milliseconds. @defaultValue what the queue's settings say for the number of attempts */
  readonly backoffMs?: number | undefined;
}

export interface ReleaseOptions extends CallOptions {
  /** Whether the attempt that was not made counts all the same. @defaultValue false */
  readonly countAttempt?: boolean | undefined;
}

/** How one of many jobs is settled; `cancel` ends one whose cancellation was requested. */
export type Settlement = { readonly job: JobRef } & (
  | { readonly outcome: "ack" }
  | {
      readonly outcome: "nack";
      readonly error?: string | undefined;
      readonly backoffMs?: number | undefined;
    }
  | { readonly outcome: "fail" | "cancel"; readonly error?: string | undefined }
  | { readonly outcome: "release"; readonly countAttempt?: boolean | undefined }
);

/** What became of a job: `dead` for one that a `nack` made a dead letter, `stale` for one that was not the caller's. */
export interface SettledJob {
  readonly id: string;
  readonly status: "ok" | "dead" | "stale";
}

/** Whether a job is still the caller's; `cancel_requested` for one that is, and is to be given up. */
export interface HeldJob {
  readonly id: string;
  readonly status: "held" | "cancel_requested" | "stale";
}

export interface Leases {
  /**
   * Takes the next job of a queue. It is the caller's until its visibility timeout is over: to be settled or extended
   * until then, or it goes to another worker. When the transaction rolls back, it was never taken.
   *
   * @example
   * const job = await postkit.queue.pull("email", { workerId: "worker-1" });
   * if (job !== null) {
   *   console.log(job.payload);
   *   await postkit.queue.ack(job);
   * }
   *
   * @returns the job, its attempts counting this one; null when none may run
   * @throws `queue.VAL_QUEUE_*`, `queue.VAL_INTERVAL_NOT_POSITIVE`, `queue.VAL_INTERVAL_TOO_LARGE`
   */
  pull(queue: QueueRef, options?: PullOptions): Promise<PulledJob | null>;
  /**
   * Takes the next jobs of a queue, as `pull` takes one.
   *
   * @returns them in the order in which they are to run
   * @throws as {@link Leases.pull}; `queue.VAL_NOT_POSITIVE`, `queue.VAL_LIMIT_TOO_LARGE`
   */
  pullBatch(queue: QueueRef, options?: PullBatchOptions): Promise<PulledJob[]>;
  /**
   * Takes the next job of the first of some queues that has one, as `pull` takes it.
   *
   * @throws as {@link Leases.pull}; `queue.VAL_BATCH_TOO_LARGE` above 1000 queues
   */
  pullAny(queues: readonly QueueRef[], options?: PullOptions): Promise<PulledJob | null>;
  /**
   * Tells that a job is done. In the transaction that did the work, both commit or neither. The job is gone, or kept
   * where `archiveCompleted` is set.
   *
   * @example
   * await postkit.transaction(async (tx) => {
   *   const job = await tx.queue.pull("email");
   *   if (job === null) return;
   *   await tx.query("insert into orders (id) values ($1)", [job.id]);
   *   await tx.queue.ack(job);
   * });
   *
   * @throws `queue.FENCE_STALE` when the job is no longer the caller's: see `isFenceStale`
   * @throws `queue.VAL_JOB_ID_NULL`, `queue.VAL_FENCE_NULL`; `core.VAL_ARGUMENT` for what is no id or no fence
   */
  ack(job: JobRef, options?: CallOptions): Promise<void>;
  /**
   * Tells that up to 1000 jobs are done, all or none.
   *
   * @returns how many
   * @throws as {@link Leases.ack}, for any of them; `queue.VAL_BATCH_TOO_LARGE`, `queue.VAL_ACK_BATCH_DUPLICATE_JOB`
   */
  ackBatch(jobs: readonly JobRef[], options?: CallOptions): Promise<number>;
  /**
   * Tells that an attempt at a job failed. It is tried again after a while, unless its attempts are used up.
   *
   * @returns true when it will be tried again, false when it has become a dead letter
   * @throws as {@link Leases.ack}; `queue.VAL_INTERVAL_TOO_LARGE`
   */
  nack(job: JobRef, options?: NackOptions): Promise<boolean>;
  /**
   * Gives a job up: it becomes a dead letter, whatever attempts are left.
   *
   * @throws as {@link Leases.ack}
   */
  fail(job: JobRef, options?: FailOptions): Promise<void>;
  /**
   * Gives a job back untouched; it may be taken at once, and the attempt does not count.
   *
   * @throws as {@link Leases.ack}
   */
  release(job: JobRef, options?: ReleaseOptions): Promise<void>;
  /**
   * Adds to the time that a job is the caller's.
   *
   * @param extensionMs milliseconds, counted from the deadline there is
   * @throws as {@link Leases.ack}; `queue.VAL_EXTENSION_POSITIVE`, `queue.VAL_INTERVAL_TOO_LARGE`
   */
  extendVisibility(job: JobRef, extensionMs: number, options?: CallOptions): Promise<void>;
  /**
   * Tells that a worker is still at up to 1000 jobs: each is its own for that long from now.
   *
   * @example
   * const [held] = await postkit.queue.heartbeat([job], 60_000);
   * if (held?.status !== "held") console.log("give it up");
   *
   * @param visibilityTimeoutMs milliseconds, counted from now and not from the deadline there is
   * @returns what is with each of them, in their order
   * @throws `queue.VAL_JOB_ID_NULL`, `queue.VAL_FENCE_NULL`, `queue.VAL_BATCH_TOO_LARGE`,
   * `queue.VAL_ACK_BATCH_DUPLICATE_JOB`, `queue.VAL_EXTENSION_POSITIVE`, `queue.VAL_INTERVAL_TOO_LARGE`
   */
  heartbeat(
    jobs: readonly JobRef[],
    visibilityTimeoutMs: number,
    options?: CallOptions,
  ): Promise<HeldJob[]>;
  /**
   * Settles up to 1000 jobs, each in its own way and none hindered by another.
   *
   * @example
   * await postkit.queue.settle([{ job, outcome: "nack", error: "smtp: 451", backoffMs: 10_000 }]);
   *
   * @returns what became of each of them, in their order
   * @throws `queue.VAL_JOB_ID_NULL`, `queue.VAL_FENCE_NULL`, `queue.VAL_BATCH_TOO_LARGE`,
   * `queue.VAL_ACK_BATCH_DUPLICATE_JOB`, `queue.VAL_OUTCOME_UNKNOWN`, `queue.VAL_INTERVAL_TOO_LARGE`
   */
  settle(settlements: readonly Settlement[], options?: CallOptions): Promise<SettledJob[]>;
}

const pullKeys = { workerId: true, visibilityTimeoutMs: true } as const;
const pullOptions = optionsOf<PullOptions>("pull", pullKeys);
const pullAnyOptions = optionsOf<PullOptions>("pullAny", pullKeys);
const pullBatchOptions = optionsOf<PullBatchOptions>("pullBatch", { ...pullKeys, limit: true });
const nackOptions = optionsOf<NackOptions>("nack", { error: true, backoffMs: true });
const failOptions = optionsOf<FailOptions>("fail", { error: true });
const releaseOptions = optionsOf<ReleaseOptions>("release", { countAttempt: true });
const knownSettlement = knownKeys<Settlement>("a settlement", {
  job: true,
  outcome: true,
  error: true,
  backoffMs: true,
  countAttempt: true,
});

export function leases(caller: Caller): Leases {
  return {
    pull: async (queue, given) => {
      const { workerId, visibilityTimeoutMs, ...options } = pullOptions(given);
      const [job] = await caller.rows(
        "queue.pull",
        { p_queue: queueName(queue), ...pullArguments({ workerId, visibilityTimeoutMs }) },
        PulledJob,
        options,
      );
      return job ?? null;
    },
    pullBatch: async (queue, given) => {
      const { limit, workerId, visibilityTimeoutMs, ...options } = pullBatchOptions(given);
      return caller.rows(
        "queue.pull_batch",
        {
          p_queue: queueName(queue),
          p_limit: whole(limit),
          ...pullArguments({ workerId, visibilityTimeoutMs }),
        },
        PulledJob,
        options,
      );
    },
    pullAny: async (queues, given) => {
      const { workerId, visibilityTimeoutMs, ...options } = pullAnyOptions(given);
      const [job] = await caller.rows(
        "queue.pull_any",
        {
          p_queues: textArray(listOf(queues, "queues").map(queueName)),
          ...pullArguments({ workerId, visibilityTimeoutMs }),
        },
        PulledJob,
        options,
      );
      return job ?? null;
    },
    ack: async (job, options) =>
      caller.value("queue.ack", jobArguments(job), done, callOptions(options)),
    ackBatch: async (jobs, options) =>
      caller.value("queue.ack_batch", jobsArguments(jobs), z.number(), callOptions(options)),
    nack: async (job, given) => {
      const { error, backoffMs, ...options } = nackOptions(given);
      return caller.value(
        "queue.nack",
        { ...jobArguments(job), p_error: text(error, "error"), p_backoff: duration(backoffMs) },
        z.boolean(),
        options,
      );
    },
    fail: async (job, given) => {
      const { error, ...options } = failOptions(given);
      return caller.value(
        "queue.fail",
        { ...jobArguments(job), p_error: text(error, "error") },
        done,
        options,
      );
    },
    release: async (job, given) => {
      const { countAttempt = false, ...options } = releaseOptions(given);
      return caller.value(
        "queue.release",
        { ...jobArguments(job), p_count_attempt: flag(countAttempt, "countAttempt") },
        done,
        options,
      );
    },
    extendVisibility: async (job, extensionMs, options) =>
      caller.value(
        "queue.extend_visibility",
        { ...jobArguments(job), p_extension: interval(extensionMs ?? null) },
        done,
        callOptions(options),
      ),
    heartbeat: async (jobs, visibilityTimeoutMs, options) => {
      const held = await caller.rows(
        "queue.heartbeat_batch",
        { ...jobsArguments(jobs), p_timeout: interval(visibilityTimeoutMs ?? null) },
        z.object({
          jobId: columns.bigint,
          status: z.enum(["held", "cancel_requested", "stale"]),
        }),
        callOptions(options),
      );
      return inOrder(jobs, held);
    },
    settle: async (settlements, options) => {
      const list = listOf(settlements, "settlements").map(settlementOf);
      const settled = await caller.rows(
        "queue.settle_batch",
        {
          ...jobsArguments(list.map(({ job }) => job)),
          p_outcomes: textArray(list.map(({ outcome }) => text(outcome, "outcome") ?? null)),
          p_errors: textArray(list.map(({ error }) => error ?? null)),
          p_delays: intervalArray(list.map(({ backoffMs }) => backoffMs ?? null)),
        },
        z.object({ jobId: columns.bigint, status: z.enum(["ok", "dead", "stale"]) }),
        callOptions(options),
      );
      return inOrder(
        list.map(({ job }) => job),
        settled,
      );
    },
  };
}

/** Those functions give true or raise. */
const done = z.literal(true).transform(() => undefined);

function pullArguments({ workerId, visibilityTimeoutMs }: PullOptions) {
  return {
    p_worker_id: text(workerId, "workerId"),
    p_visibility_timeout: duration(visibilityTimeoutMs),
  };
}

function jobArguments(job: JobRef) {
  const { id, fence } = jobRef(job);
  return { p_job_id: bigint(id), p_fence: bigint(fence) };
}

function jobsArguments(jobs: readonly JobRef[]) {
  const refs = listOf(jobs, "jobs").map(jobRef);
  return {
    p_job_ids: bigintArray(refs.map(({ id }) => id)),
    p_fences: bigintArray(refs.map(({ fence }) => fence)),
  };
}

/** What is missing is null, for the database to say that it is. */
function jobRef(job: JobRef): { id: string | null; fence: string | null } {
  if (typeof job !== "object" || job === null) {
    throw queueError("VAL_JOB_ID_NULL", "a job is needed, or its id and its fence");
  }
  return { id: job.id ?? null, fence: job.fence ?? null };
}

/** A settlement in the words of the SQL function, whatever of it is said. */
interface SqlSettlement {
  readonly job: JobRef;
  readonly outcome: string;
  readonly error?: string | undefined;
  readonly backoffMs?: number | undefined;
}

function settlementOf(settlement: Settlement): SqlSettlement {
  knownSettlement(settlement);
  if (settlement.outcome !== "release") return settlement;
  const isCounted = flag(settlement.countAttempt, "countAttempt") === true;
  return { job: settlement.job, outcome: isCounted ? "release" : "release_uncounted" };
}

function inOrder<S>(
  jobs: readonly JobRef[],
  rows: readonly { jobId: string; status: S }[],
): { id: string; status: S }[] {
  const places = new Map(jobs.map(({ id }, index) => [String(id), index]));
  return rows
    .map(({ jobId, status }) => ({ id: jobId, status }))
    .sort((a, b) => (places.get(a.id) ?? 0) - (places.get(b.id) ?? 0));
}

function listOf<T>(values: readonly T[], name: string): T[] {
  if (!Array.isArray(values)) throw argumentError(`${name} must be an array`);
  return Array.from<T>(values);
}
