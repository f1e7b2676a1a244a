import type { WorkerJob } from "./job.ts";
import { JobAbortedError } from "./outcomes.ts";

/** A job that a worker holds, waiting for a free place or running. */
export class RunningJob {
  readonly job: WorkerJob;
  /** When the lease was last made to begin anew, by `performance.now()`. */
  heldSinceMs: number;
  readonly #signal = new LazySignal();
  readonly #abandonment = new LazySignal();
  #aborted: JobAbortedError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #abandonTimer: NodeJS.Timeout | undefined;
  #abandonMs = 0;
  #onAbandoned: (error: JobAbortedError) => void = () => {};
  #hasEnded = false;

  constructor(job: WorkerJob, heldSinceMs: number) {
    this.job = job;
    this.heldSinceMs = heldSinceMs;
  }

  /** Aborted when the handler is to end. */
  get signal(): AbortSignal {
    return this.#signal.signal;
  }

  /** Aborted when the handler is no longer waited for. */
  get abandonment(): AbortSignal {
    return this.#abandonment.signal;
  }

  /** Why it was aborted, once it was. */
  get aborted(): JobAbortedError | undefined {
    return this.#aborted;
  }

  abort(why: JobAbortedError["why"], message: string): void {
    if (this.#aborted !== undefined || this.#hasEnded) return;
    const error = new JobAbortedError(why, message);
    this.#aborted = error;
    this.#signal.abort(error);
    this.#abandonTimer = setTimeout(() => {
      this.#abandonment.abort(error);
      this.#onAbandoned(error);
    }, this.#abandonMs);
  }

  /** What happens when the handler has not ended that long after it was told to. */
  onAbandoned(ms: number, tell: (error: JobAbortedError) => void): void {
    this.#abandonMs = ms;
    this.#onAbandoned = tell;
  }

  abortAfter(timeoutMs: number): void {
    this.#timer = setTimeout(
      () => this.abort("timeout", `the job ran longer than ${timeoutMs} ms`),
      timeoutMs,
    );
  }

  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#abandonTimer);
  }
}

/** A signal that is made when somebody asks for it, since most handlers never do. */
class LazySignal {
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
