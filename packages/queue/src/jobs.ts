import {
  columns,
  json,
  jsonArray,
  type CallOptions,
  type Caller,
  type CastParameter,
} from "@postkit/core";
import { z } from "zod";
import { argumentError, queueError } from "./errors.ts";
import { callOptions, optionsOf } from "./options.ts";
import { duration, id, text, textList, texts, time, whole } from "./parameters.ts";
import {
  assertPayload,
  checkPayload,
  payloadParameter,
  queueDefaults,
  queueName,
  type PayloadInput,
  type QueueDefaults,
  type QueueRef,
} from "./queues.ts";

/** A job as it is stored. Its payload is as it was pushed: nothing has checked it. */
export type Job = z.infer<typeof Job>;

/** A job that was pulled: what settles it is its `id` and its `fence`. */
export type PulledJob = z.infer<typeof PulledJob>;

/** Other programs may store a null among them. */
export const tags = z
  .array(z.string().nullable())
  .transform((list) => list.filter((tag) => tag !== null));

const jobColumns = z.object({
  id: columns.bigint,
  namespace: z.string(),
  queue: z.string(),
  payload: z.unknown(),
  priority: z.number(),
  /** When it may run, or might have. */
  scheduledAt: columns.timestamptz,
  status: z.enum(["pending", "running", "completed", "dead", "cancelled"]),
  /** How often it was tried, the attempt that is under way included. */
  attempts: z.number(),
  maxAttempts: z.number(),
  /** The worker that has it. */
  lockedBy: z.string().nullable(),
  lockedAt: columns.timestamptz.nullable(),
  /** When it goes to another worker unless it is settled or extended. */
  visibilityTimeoutAt: columns.timestamptz.nullable(),
  /** When it ended. */
  completedAt: columns.timestamptz.nullable(),
  /** What its last attempt failed with. */
  error: z.string().nullable(),
  uniqueKey: z.string().nullable(),
  tags,
  metadata: z.unknown(),
  /** Who pushed it, as all that follow. */
  actorId: z.string().nullable(),
  requestId: z.string().nullable(),
  onBehalfOf: z.string().nullable(),
  reason: z.string().nullable(),
  createdAt: columns.timestamptz,
  updatedAt: columns.timestamptz,
  fenceToken: columns.bigint.nullable(),
});

const Job = jobColumns.transform(({ fenceToken, ...job }) => ({
  ...job,
  /** Proves that a worker has it; null for a job that nobody has. */
  fence: fenceToken,
}));

export const PulledJob = jobColumns
  .extend({
    status: z.literal("running"),
    lockedBy: z.string(),
    lockedAt: columns.timestamptz,
    visibilityTimeoutAt: columns.timestamptz,
    fenceToken: columns.bigint,
  })
  .transform(({ fenceToken, ...job }) => ({ ...job, fence: fenceToken }));

export type JobStatus = Job["status"];

/** How a job is pushed; what is not said, a typed queue's defaults say. */
export interface JobOptions extends QueueDefaults {
  /** When it may run, instead of a delay. @defaultValue at once */
  readonly runAt?: Date | undefined;
  /** Nothing is pushed while another job of the queue with this key waits or runs. */
  readonly uniqueKey?: string | undefined;
}

export interface PushOptions extends JobOptions, CallOptions {}

/** How many jobs of one queue are pushed, all in the same way. */
export interface PushBatchOptions extends Omit<JobOptions, "uniqueKey">, CallOptions {}

/** One of many jobs. */
export interface NewJob<Q extends QueueRef = QueueRef> extends JobOptions {
  readonly queue: Q;
  readonly payload: PayloadInput<Q>;
}

export interface JobsQuery extends CallOptions {
  /** Only jobs of this queue. */
  readonly queue?: QueueRef | undefined;
  readonly status?: JobStatus | undefined;
  /** Jobs on the page, 1 to 1000. @defaultValue 100 */
  readonly limit?: number | undefined;
  /** The id of the last job of the page before. */
  readonly cursor?: string | undefined;
}

export interface Jobs {
  /**
   * Pushes a job. In a transaction it becomes visible when that commits, and is gone when it rolls back. Who acts is kept
   * with it. The payload is any JSON value; a typed queue checks it before anything is sent.
   *
   * @example
   * const id = await postkit.queue.push("email", { to: "alice@example.com" }, { delayMs: 60_000 });
   * await postkit.transaction(async (tx) => {
   *   await tx.query("insert into orders (id) values ($1)", ["o-1"]);
   *   await tx.queue.push("email", { order: "o-1" }, { uniqueKey: "order:o-1", priority: 10 });
   * });
   *
   * @returns the job's id; null when its `uniqueKey` is taken
   * @throws `queue.VAL_QUEUE_*`, `queue.VAL_PAYLOAD_NULL` for undefined, `queue.VAL_PAYLOAD_INVALID` with the issues of a
   * typed queue's schema as its `detail`; `core.VAL_ARGUMENT` for a payload that has no JSON
   * @throws `queue.VAL_PRIORITY_RANGE`, `queue.VAL_MAX_ATTEMPTS_RANGE`, `queue.VAL_KEY_TOO_LONG`,
   * `queue.VAL_INTERVAL_TOO_LARGE`, `queue.VAL_DELAY_AND_RUN_AT`
   */
  push<Q extends QueueRef>(
    queue: Q,
    payload: PayloadInput<Q>,
    options?: PushOptions,
  ): Promise<string | null>;
  /**
   * Pushes up to 1000 jobs to one queue, all or none.
   *
   * @example
   * const ids = await postkit.queue.pushBatch("email", [{ to: "a@example.com" }, { to: "b@example.com" }]);
   *
   * @returns their ids in the order of the payloads
   * @throws as {@link Jobs.push}; `queue.VAL_BATCH_TOO_LARGE`
   */
  pushBatch<Q extends QueueRef>(
    queue: Q,
    payloads: readonly PayloadInput<Q>[],
    options?: PushBatchOptions,
  ): Promise<string[]>;
  /**
   * Pushes up to 1000 jobs to any queues, each with options of its own, all or none.
   *
   * @example
   * await postkit.queue.pushMany([
   *   { queue: "email", payload: { to: "a@example.com" }, uniqueKey: "a" },
   *   { queue: "report", payload: {}, runAt: new Date("2030-01-01") },
   * ]);
   *
   * @returns their ids in the order of the jobs; null where a `uniqueKey` is taken, by an earlier one of them as well
   * @throws as {@link Jobs.push}; `queue.VAL_BATCH_TOO_LARGE`, `queue.VAL_JOBS_INVALID`
   */
  pushMany<Q extends readonly QueueRef[]>(
    jobs: readonly [...{ readonly [I in keyof Q]: NewJob<Q[I]> }],
    options?: CallOptions,
  ): Promise<(string | null)[]>;
  /**
   * Deletes a job that nobody has taken yet.
   *
   * @example
   * if (!(await postkit.queue.cancel(id))) await postkit.queue.requestCancel(id);
   *
   * @returns whether it was deleted; false when it runs, has ended, or is not there
   * @throws `queue.VAL_JOB_ID_NULL`; `core.VAL_ARGUMENT` for what is no id
   */
  cancel(jobId: string, options?: CallOptions): Promise<boolean>;
  /**
   * Asks the worker that has a job to give it up, or deletes the job when nobody has it. The worker learns it at its next
   * heartbeat.
   *
   * @returns whether there is such a job, waiting or running
   * @throws as {@link Jobs.cancel}
   */
  requestCancel(jobId: string, options?: CallOptions): Promise<boolean>;
  /**
   * Deletes all jobs of a queue that nobody has taken yet, delayed ones among them.
   *
   * @returns how many
   * @throws `queue.VAL_QUEUE_*`
   */
  purgeQueue(queue: QueueRef, options?: CallOptions): Promise<number>;
  /**
   * One job, whatever its state; null when it is not there, as one that was completed and is not kept.
   *
   * @throws as {@link Jobs.cancel}
   */
  getJob(jobId: string, options?: CallOptions): Promise<Job | null>;
  /**
   * A page of jobs, in the order of their ids.
   *
   * @example
   * const dead = await postkit.queue.listJobs({ queue: "email", status: "dead", limit: 20 });
   * const next = await postkit.queue.listJobs({ queue: "email", status: "dead", limit: 20, cursor: dead.at(-1)?.id });
   *
   * @throws `queue.VAL_STATUS_UNKNOWN`, `queue.VAL_NOT_POSITIVE`, `queue.VAL_LIMIT_TOO_LARGE`; `core.VAL_ARGUMENT` for a
   * `limit` that is not whole, or a `cursor` that is no id
   */
  listJobs(query?: JobsQuery): Promise<Job[]>;
  /**
   * All of them, one after the other, over as many pages of `limit` as it takes. Each page is a call of its own and sees
   * the jobs of its time.
   *
   * @example
   * for await (const { id, error } of postkit.queue.iterateJobs({ status: "dead" })) console.log(id, error);
   *
   * @throws as {@link Jobs.listJobs}, when the first page is asked for
   */
  iterateJobs(query?: JobsQuery): AsyncGenerator<Job, void, undefined>;
}

const jobKeys = {
  delayMs: true,
  runAt: true,
  priority: true,
  maxAttempts: true,
  tags: true,
  metadata: true,
} as const;
const pushOptions = optionsOf<PushOptions>("push", { ...jobKeys, uniqueKey: true });
/** A key is taken note of only to be refused: options of one push may come along without it. */
const pushBatchOptions = optionsOf<PushOptions>("pushBatch", { ...jobKeys, uniqueKey: true });
const jobsQuery = optionsOf<JobsQuery>("listJobs", {
  queue: true,
  status: true,
  limit: true,
  cursor: true,
});

export function jobs(caller: Caller): Jobs {
  const listJobs: Jobs["listJobs"] = async (given) => {
    const { queue, status, limit, cursor, ...options } = jobsQuery(given);
    return caller.rows(
      "queue.list_jobs",
      {
        p_queue: queueName(queue),
        p_status: text(status, "status"),
        p_limit: whole(limit),
        p_cursor: cursor === undefined ? undefined : id(cursor, "cursor", "a job"),
      },
      Job,
      options,
    );
  };
  const pushMany = async (list: readonly NewJob[], options?: CallOptions) =>
    caller.value("queue.push_many", { p_jobs: jobsParameter(list) }, ids, options);
  return {
    push: async (queue, payload, given) => {
      const { signal, timeoutMs, ...said } = pushOptions(given);
      const options = withDefaults(queue, said);
      return caller.value(
        "queue.push",
        {
          p_queue: queueName(queue),
          p_payload: payloadParameter(queue, payload),
          p_delay: duration(options.delayMs),
          p_priority: whole(options.priority),
          p_max_attempts: whole(options.maxAttempts),
          p_unique_key: text(options.uniqueKey, "uniqueKey"),
          p_tags: texts(options.tags),
          p_metadata: metadataParameter(options.metadata),
          p_run_at: time(options.runAt, "runAt"),
        },
        columns.bigint.nullable(),
        { signal, timeoutMs },
      );
    },
    pushBatch: async (queue, payloads, given) => {
      const { signal, timeoutMs, uniqueKey, ...said } = pushBatchOptions(given);
      if (uniqueKey !== undefined) throw argumentError("many jobs cannot have one uniqueKey");
      const options = withDefaults(queue, said);
      const checked = payloadList(queue, payloads);
      if (!isPlain(options)) {
        const list = checked.map((payload) => ({ queue, payload, ...options }));
        return (await pushMany(list, { signal, timeoutMs })) as string[];
      }
      return caller.value(
        "queue.push_batch",
        {
          p_queue: queueName(queue),
          p_payloads: jsonArray(checked),
          p_priority: whole(options.priority),
          p_max_attempts: whole(options.maxAttempts),
          p_tags: texts(options.tags),
        },
        z.array(columns.bigint),
        { signal, timeoutMs },
      );
    },
    pushMany: async (list, options) => pushMany(list, callOptions(options)),
    cancel: async (jobId, options) =>
      caller.value(
        "queue.cancel",
        { p_job_id: id(jobId, "jobId", "a job") },
        z.boolean(),
        callOptions(options),
      ),
    requestCancel: async (jobId, options) =>
      caller.value(
        "queue.request_cancel",
        { p_job_id: id(jobId, "jobId", "a job") },
        z.boolean(),
        callOptions(options),
      ),
    purgeQueue: async (queue, options) =>
      caller.value(
        "queue.purge_queue",
        { p_queue: queueName(queue) },
        z.number(),
        callOptions(options),
      ),
    getJob: async (jobId, options) => {
      const [job] = await caller.rows(
        "queue.get_job",
        { p_job_id: id(jobId, "jobId", "a job") },
        Job,
        callOptions(options),
      );
      return job ?? null;
    },
    listJobs,
    async *iterateJobs(given) {
      const { limit = 100, cursor, ...query } = jobsQuery(given);
      for (let last = cursor; ;) {
        const page = await listJobs({ ...query, limit, cursor: last });
        yield* page;
        if (page.length < limit) return;
        last = page.at(-1)?.id;
      }
    },
  };
}

const ids = z.array(columns.bigint.nullable());

/** What is undefined is not said; a default delay is for jobs without a time of their own. */
function withDefaults(queue: QueueRef, given: JobOptions): JobOptions {
  const { delayMs, ...defaults } = queueDefaults(queue);
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...defaults, ...(given.runAt === undefined ? { delayMs } : {}), ...said };
}

/** Whether `push_batch`, the faster one, can say it. */
function isPlain({ delayMs, runAt, metadata }: JobOptions): boolean {
  return delayMs === undefined && runAt === undefined && metadata === undefined;
}

function metadataParameter(metadata: unknown): CastParameter | undefined {
  return metadata === undefined || metadata === null ? undefined : json(metadata);
}

function payloadList(queue: QueueRef, payloads: readonly unknown[]): unknown[] {
  if (!Array.isArray(payloads)) throw argumentError("payloads must be an array");
  const list = Array.from<unknown>(payloads);
  for (const [index, payload] of list.entries()) {
    const place = { name: `payloads[${index}]`, index };
    assertPayload(payload, place.name);
    checkPayload(queue, payload, place);
  }
  return list;
}

function jobsParameter(list: readonly NewJob[]): CastParameter {
  if (!Array.isArray(list)) throw argumentError("jobs must be an array");
  return json(Array.from<NewJob>(list).map(jobObject));
}

/** In the words of the SQL function, which refuses what it does not know; what is undefined has no place in JSON. */
function jobObject(job: NewJob, index: number) {
  if (typeof job !== "object" || job === null) throw argumentError("a job must be an object");
  const { queue, payload, ...given } = job;
  const options = withDefaults(queue, given);
  if (options.delayMs !== undefined && options.runAt !== undefined) {
    throw queueError("VAL_DELAY_AND_RUN_AT", "a job has a delay or a run_at, not both");
  }
  checkPayload(queue, payload, { name: `jobs[${index}].payload`, index });
  const { delayMs, runAt, priority, maxAttempts, uniqueKey, tags, ...more } = options;
  return {
    ...more,
    queue: queueName(queue),
    payload,
    delay: duration(delayMs)?.text,
    run_at: time(runAt, "runAt")?.text,
    priority: whole(priority)?.text,
    max_attempts: whole(maxAttempts)?.text,
    unique_key: text(uniqueKey, "uniqueKey"),
    tags: textList(tags, "tags"),
  };
}
