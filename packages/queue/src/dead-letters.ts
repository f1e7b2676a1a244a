import { columns, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import { tags } from "./jobs.ts";
import { optionsOf } from "./options.ts";
import { duration, flag, id, narrowed, whole } from "./parameters.ts";
import { queueName, type QueueRef } from "./queues.ts";

/** A job that will not be tried again unless somebody asks for it. */
export type DeadLetter = z.infer<typeof DeadLetter>;

const DeadLetter = z.object({
  id: columns.bigint,
  namespace: z.string(),
  originalJobId: columns.bigint,
  queue: z.string(),
  priority: z.number(),
  attempts: z.number(),
  maxAttempts: z.number(),
  payload: z.unknown(),
  tags,
  metadata: z.unknown(),
  /** Its attempts were used up, its worker gave it up, or the last attempt ran out of time. */
  reasonCode: z.enum(["attempts", "failed", "timeout"]),
  lastError: z.string().nullable(),
  actorId: z.string().nullable(),
  requestId: z.string().nullable(),
  onBehalfOf: z.string().nullable(),
  reason: z.string().nullable(),
  /** The job that took its place. */
  retryJobId: columns.bigint.nullable(),
  failedAt: columns.timestamptz,
  retriedAt: columns.timestamptz.nullable(),
  createdAt: columns.timestamptz,
});

export interface DeadLettersQuery extends CallOptions {
  /** Only those of this queue. */
  readonly queue?: QueueRef | undefined;
  /** Also those that were retried. @defaultValue false */
  readonly withRetried?: boolean | undefined;
  /** On the page, 1 to 1000. @defaultValue 100 */
  readonly limit?: number | undefined;
  /** The id of the last one of the page before. */
  readonly cursor?: string | undefined;
}

export interface RetryOptions extends CallOptions {
  /** Another queue than it was on. */
  readonly queue?: QueueRef | undefined;
}

export interface RetryManyOptions extends CallOptions {
  /** 1 to 1000. @defaultValue 100 */
  readonly limit?: number | undefined;
}

export interface PurgeOptions extends CallOptions {
  /** Only those of this queue; to be left out for all. */
  readonly queue?: QueueRef | undefined;
  /** By the time they failed: milliseconds, or ISO 8601. @defaultValue `P30D` */
  readonly olderThan?: number | string | undefined;
}

export interface DeadLetters {
  /**
   * A page of the dead letters, newest first.
   *
   * @example
   * for (const { id, lastError } of await postkit.queue.listDeadLetters({ queue: "email" })) {
   *   console.log(lastError);
   *   await postkit.queue.retryDeadLetter(id);
   * }
   *
   * @throws `queue.VAL_NOT_POSITIVE`, `queue.VAL_LIMIT_TOO_LARGE`; `core.VAL_ARGUMENT` for a `limit` that is not whole, or
   * a `cursor` that is no id
   */
  listDeadLetters(query?: DeadLettersQuery): Promise<DeadLetter[]>;
  /**
   * All of them, one after the other, over as many pages of `limit` as it takes. Each page is a call of its own and sees
   * the dead letters of its time.
   *
   * @throws as {@link DeadLetters.listDeadLetters}, when the first page is asked for
   */
  iterateDeadLetters(query?: DeadLettersQuery): AsyncGenerator<DeadLetter, void, undefined>;
  /**
   * Pushes the job of a dead letter anew, with all its attempts and without its key.
   *
   * @returns the id of the new job
   * @throws `queue.DATA_DEAD_LETTER_NOT_FOUND`, `queue.BIZ_DEAD_LETTER_ALREADY_RETRIED`
   * @throws `queue.VAL_DEAD_LETTER_ID_NULL`, `queue.VAL_QUEUE_*`; `core.VAL_ARGUMENT` for what is no id
   */
  retryDeadLetter(deadLetterId: string, options?: RetryOptions): Promise<string>;
  /**
   * The same for the dead letters of a queue, oldest first; those that others are just retrying are passed over.
   *
   * @returns the dead letters with their new jobs
   * @throws `queue.VAL_QUEUE_*`, `queue.VAL_NOT_POSITIVE`, `queue.VAL_LIMIT_TOO_LARGE`
   */
  retryDeadLetters(
    queue: QueueRef,
    options?: RetryManyOptions,
  ): Promise<{ deadLetterId: string; jobId: string }[]>;
  /**
   * Deletes old dead letters that nobody retried; `maintain` deletes those that were.
   *
   * @returns how many
   * @throws `queue.VAL_QUEUE_*`, `queue.VAL_INTERVAL_TOO_LARGE`; `core.VAL_ARGUMENT` for what is no duration
   */
  purgeDeadLetters(options?: PurgeOptions): Promise<number>;
}

const listOptions = optionsOf<DeadLettersQuery>("listDeadLetters", {
  queue: true,
  withRetried: true,
  limit: true,
  cursor: true,
});
const retryOptions = optionsOf<RetryOptions>("retryDeadLetter", { queue: true });
const retryManyOptions = optionsOf<RetryManyOptions>("retryDeadLetters", { limit: true });
const purgeOptions = optionsOf<PurgeOptions>("purgeDeadLetters", { queue: true, olderThan: true });

export function deadLetters(caller: Caller): DeadLetters {
  const listDeadLetters: DeadLetters["listDeadLetters"] = async (given) => {
    const { queue, withRetried, limit, cursor, ...options } = listOptions(given);
    return caller.rows(
      "queue.list_dead_letters",
      {
        p_queue: queueName(queue),
        p_with_retried: flag(withRetried, "withRetried"),
        p_limit: whole(limit),
        p_cursor: cursor === undefined ? undefined : id(cursor, "cursor", "a dead letter"),
      },
      DeadLetter,
      options,
    );
  };
  return {
    listDeadLetters,
    async *iterateDeadLetters(given) {
      const { limit = 100, cursor, ...query } = listOptions(given);
      for (let last = cursor; ;) {
        const page = await listDeadLetters({ ...query, limit, cursor: last });
        yield* page;
        if (page.length < limit) return;
        last = page.at(-1)?.id;
      }
    },
    retryDeadLetter: async (deadLetterId, given) => {
      const { queue, ...options } = retryOptions(given);
      return caller.value(
        "queue.retry_dead_letter",
        {
          p_dead_letter_id: id(deadLetterId, "deadLetterId", "a dead letter"),
          p_queue: queueName(queue),
        },
        columns.bigint,
        options,
      );
    },
    retryDeadLetters: async (queue, given) => {
      const { limit, ...options } = retryManyOptions(given);
      return caller.rows(
        "queue.retry_dead_letters",
        { p_queue: queueName(queue), p_limit: whole(limit) },
        z.object({ deadLetterId: columns.bigint, jobId: columns.bigint }),
        options,
      );
    },
    purgeDeadLetters: async (given) => {
      const { queue, olderThan, ...options } = narrowed(purgeOptions(given));
      return caller.value(
        "queue.purge_dead_letters",
        { p_queue: queueName(queue), p_older_than: duration(olderThan) },
        z.number(),
        options,
      );
    },
  };
}
