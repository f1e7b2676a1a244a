import { setTimeout as pass } from "node:timers/promises";
import {
  coreErrors,
  isPostkitError,
  moduleError,
  type CallOptions,
  type Caller,
} from "@postkit/core";
import { argumentError } from "./errors.ts";
import type { Job, Jobs } from "./jobs.ts";
import { optionsOf } from "./options.ts";

/** How a job has ended. */
export type EndedJob =
  | { readonly status: "completed" | "dead" | "cancelled"; readonly job: Job }
  /**
   * It is not there, so that nobody can tell: completed or cancelled where such jobs are not kept, deleted before anybody
   * took it, kept no longer, or never pushed by this tenant.
   */
  | { readonly status: "gone"; readonly job: null };

export interface WaitForOptions extends Pick<CallOptions, "signal"> {
  /** When to give up, in milliseconds; Infinity for never. @defaultValue 30000 */
  readonly timeoutMs?: number | undefined;
}

export interface WaitFor {
  /**
   * Waits until a job has ended. For tests and scripts: it asks again and again, after 25 ms at first and each second in the
   * end. An application has its handler do what comes after the job. A job that is to be tried again has not ended, and
   * one whose push is not committed yet is `gone`.
   *
   * @example
   * const pushed = await postkit.queue.push("email", { to: "alice@example.com" });
   * if (pushed !== null) console.log((await postkit.queue.waitFor(pushed, { timeoutMs: 5_000 })).status);
   *
   * @returns how it has ended, and the job where it is kept: where it was completed or cancelled, by `archiveCompleted`
   * @throws `core.SYS_TIMEOUT` when it has not ended in time, `core.SYS_ABORTED`; `queue.VAL_JOB_ID_NULL`
   * @throws `core.VAL_ARGUMENT` for what is no id, or inside a transaction, where nobody runs what was pushed in it
   */
  waitFor(job: string | { readonly id: string }, options?: WaitForOptions): Promise<EndedJob>;
}

const firstMs = 25;
const pauseMsMax = 1_000;
/** Longest time for one look: what is left of the wait, within these. */
const [lookMsMin, lookMsMax] = [1_000, 30_000];

const waitOptions = optionsOf<WaitForOptions>("waitFor", {});

export function waitFor(caller: Caller, { getJob }: Pick<Jobs, "getJob">): WaitFor {
  return {
    async waitFor(given, options) {
      const { timeoutMs = 30_000, signal } = waitOptions(options);
      if (typeof timeoutMs !== "number" || !(timeoutMs >= 0)) {
        throw argumentError(`timeoutMs must be a number of milliseconds, not ${timeoutMs}`);
      }
      if (!("pool" in caller.handle)) {
        throw argumentError(
          "waitFor is not for a transaction: nobody runs what was pushed in it before it commits",
        );
      }
      const jobId = typeof given === "object" && given !== null ? given.id : given;
      const endsAtMs = performance.now() + timeoutMs;
      for (let pauseMs = firstMs; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
        const leftMs = endsAtMs - performance.now();
        const lookMs = Math.min(Math.max(leftMs, lookMsMin), lookMsMax);
        let job;
        try {
          job = await getJob(jobId, { signal, timeoutMs: lookMs });
        } catch (error) {
          if (leftMs > lookMs && isPostkitError(error, "core.SYS_TIMEOUT")) continue;
          throw error;
        }
        const ended = endOf(job);
        if (ended !== undefined) return ended;
        if (leftMs <= 0) throw timeoutError(jobId, timeoutMs, job?.status);
        // An aborted signal is refused by the next look.
        await pass(Math.max(0, Math.min(pauseMs, leftMs)), undefined, { signal }).catch(() => {});
      }
    },
  };
}

function endOf(job: Job | null): EndedJob | undefined {
  if (job === null) return { status: "gone", job };
  const { status } = job;
  return status === "pending" || status === "running" ? undefined : { status, job };
}

function timeoutError(jobId: string, timeoutMs: number, status: string | undefined): Error {
  const message = `job ${jobId} has not ended within ${timeoutMs} ms: it is ${status}`;
  return moduleError("core", coreErrors, "SYS_TIMEOUT", message);
}
