import type { PostkitError } from "@postkit/core";
import { argumentError, queueError } from "../errors.ts";

/** A hundred years. */
const delayMsMax = 100 * 365 * 86_400_000;

/** Thrown by a handler, makes its job a dead letter at once, whatever attempts are left. */
export class UnrecoverableError extends Error {
  override readonly name = "UnrecoverableError";
}

/** Thrown by a handler, has its job tried again after a time of its choice; the attempt counts. */
export class RetryLaterError extends Error {
  override readonly name = "RetryLaterError";
  readonly delayMs: number;

  constructor(
    delayMs: number,
    message = `to be tried again in ${delayMs} ms`,
    options?: ErrorOptions,
  ) {
    if (!(delayMs >= 0 && delayMs <= delayMsMax)) {
      throw argumentError(
        `delayMs must be a number of milliseconds from 0 to a hundred years, not ${delayMs}`,
      );
    }
    super(message, options);
    this.delayMs = delayMs;
  }
}

/** Why the signal of a job was aborted, as its `reason`. */
export class JobAbortedError extends Error {
  override readonly name = "JobAbortedError";
  /** `timeout`: it ran too long; `cancel`: somebody asked for it; `lost`: it is another worker's now; `shutdown`. */
  readonly why: "timeout" | "cancel" | "lost" | "shutdown";

  constructor(why: JobAbortedError["why"], message: string) {
    super(message);
    this.why = why;
  }
}

/** What is told of a job that somebody else holds by the time it was to be settled. */
export function lostError(jobId: string): PostkitError {
  return queueError(
    "FENCE_STALE",
    `job ${jobId} was done, but is not held any more: it may be run again`,
  );
}
