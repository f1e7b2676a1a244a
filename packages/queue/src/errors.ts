import {
  coreErrors,
  isPostkitError,
  moduleError,
  type ErrorRegistry,
  type PostkitError,
} from "@postkit/core";

/** The codes queue raises, with their SQLSTATEs. */
export const queueErrors = {
  VAL_ACK_BATCH_DUPLICATE_JOB: "22023",
  VAL_ACK_BATCH_LENGTH: "22023",
  VAL_BATCH_TOO_LARGE: "22023",
  VAL_CATCH_UP_MAX_RANGE: "22023",
  VAL_CHANGES_INVALID: "22023",
  VAL_CONFIG_INVALID: "22023",
  VAL_CRON_EMPTY: "22026",
  VAL_CRON_FIELDS: "22023",
  VAL_CRON_INVALID: "22023",
  VAL_CRON_STEP_ZERO: "22023",
  VAL_CRON_TOO_LONG: "22001",
  VAL_DAY_OUT_OF_RANGE: "22023",
  VAL_DEAD_LETTER_ID_NULL: "22004",
  VAL_DELAY_AND_RUN_AT: "22023",
  VAL_EXTENSION_POSITIVE: "22023",
  VAL_FENCE_NULL: "22004",
  VAL_INTERVAL_NOT_POSITIVE: "22023",
  VAL_INTERVAL_TOO_LARGE: "22023",
  VAL_JOBS_INVALID: "22023",
  VAL_JOB_ID_NULL: "22004",
  VAL_KEY_TOO_LONG: "22001",
  VAL_LIMIT_TOO_LARGE: "22023",
  VAL_MAX_ATTEMPTS_RANGE: "22023",
  VAL_METADATA_INVALID: "22023",
  VAL_NAMESPACE_EMPTY: "22026",
  VAL_NAMESPACE_INVALID_CHARS: "22023",
  VAL_NAMESPACE_NULL: "22004",
  VAL_NAMESPACE_TOO_LONG: "22001",
  VAL_NAMESPACE_WHITESPACE: "22023",
  VAL_NOT_POSITIVE: "22023",
  VAL_OUTCOME_UNKNOWN: "22023",
  VAL_PAYLOAD_INVALID: "22023",
  VAL_PAYLOAD_NULL: "22004",
  VAL_POLICY_UNKNOWN: "22023",
  VAL_PRIORITY_RANGE: "22023",
  VAL_QUEUE_EMPTY: "22026",
  VAL_QUEUE_INVALID_CHARS: "22023",
  VAL_QUEUE_NULL: "22004",
  VAL_QUEUE_TOO_LONG: "22001",
  VAL_QUEUE_WHITESPACE: "22023",
  VAL_SCHEDULE_NAME_EMPTY: "22026",
  VAL_SCHEDULE_NAME_INVALID_CHARS: "22023",
  VAL_SCHEDULE_NAME_NULL: "22004",
  VAL_SCHEDULE_NAME_TOO_LONG: "22001",
  VAL_SCHEDULE_NAME_WHITESPACE: "22023",
  VAL_STATUS_UNKNOWN: "22023",
  VAL_TIMEZONE_UNKNOWN: "22023",
  VAL_WORKER_ID_INVALID: "22023",
  BIZ_ALL_NAMESPACES_REQUIRES_BYPASS: "42501",
  BIZ_DEAD_LETTER_ALREADY_RETRIED: "22023",
  BIZ_GLOBAL_PROTECTED: "42501",
  BIZ_RLS_NOT_ACTIVE: "55000",
  BIZ_SCHEDULE_CRON_AND_INTERVAL: "22023",
  BIZ_SCHEDULE_DUPLICATE: "23505",
  BIZ_SCHEDULE_REQUIRES_SCHEDULE: "22023",
  BIZ_TENANT_MISMATCH: "42501",
  BIZ_TENANT_NOT_SET: "42501",
  DATA_DEAD_LETTER_NOT_FOUND: "P0002",
  FENCE_STALE: "40001",
} as const satisfies ErrorRegistry;

export type QueueErrorCode = keyof typeof queueErrors;

/**
 * Whether an error says that a job is no longer the caller's: it ran out of time, was settled, or was taken anew. Another
 * conflict of the same SQLSTATE, which is worth another try, is not that.
 *
 * @example
 * try {
 *   await postkit.queue.ack(job);
 * } catch (error) {
 *   if (!isFenceStale(error)) throw error;
 * }
 */
export function isFenceStale(error: unknown): error is PostkitError {
  return isPostkitError(error, "queue.FENCE_STALE");
}

/** An error that the client raises with the code the database would have used. */
export function queueError(
  code: QueueErrorCode,
  message: string,
  more: { detail?: unknown; cause?: unknown } = {},
): PostkitError {
  return moduleError("queue", queueErrors, code, message, more);
}

/** What a program in JavaScript may give all the same, as from a request's body. */
export function argumentError(message: string): PostkitError {
  return moduleError("core", coreErrors, "VAL_ARGUMENT", message);
}
