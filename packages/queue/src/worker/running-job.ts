import { jobOf, type Held, type JobRow, type WorkerJob } from "./job.ts";
import { JobAbortedError } from "./outcomes.ts";

/** A job that a worker holds, waiting for a free place or running. */
export class RunningJob implements Held {
  readonly namespace: string;
  readonly id: string;
  readonly fence: string;
  /** When the lease was last made to begin anew, by `performance.now()`. */
  heldSinceMs: number;
  readonly #row: JobRow;
  #job: WorkerJob | undefined;
  #signal: AbortController | undefined;
  #abandonment: AbortController | undefined;
  #isAbandoned = false;
  #aborted: JobAbortedError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #abandonTimer: NodeJS.Timeout | undefined;
  #abandonMs = 0;
  #onAbandoned: (error: JobAbortedError) => void = () => {};
  #hasEnded = false;

  /** @param namespace of a row that does not say its own */
  constructor(row: JobRow, namespace: string, heldSinceMs: number) {
    this.namespace = row.namespace ?? namespace;
    this.id = row.id;
    this.fence = row.fence_token;
    this.heldSinceMs = heldSinceMs;
    this.#row = row;
  }

  get queue(): string {
    return this.#row.queue;
  }

  /** The job for its handler, made when it begins: thousands may wait. */
  get job(): WorkerJob {
    return (this.#job ??= jobOf(this.#row, this.namespace));
  }

  /** Aborted when the handler is to end. */
  get signal(): AbortSignal {
    this.#signal ??= controllerOf(this.#aborted);
    return this.#signal.signal;
  }

  /** Aborted when the handler is no longer waited for. */
  get abandonment(): AbortSignal {
    this.#abandonment ??= controllerOf(this.#isAbandoned ? this.#aborted : undefined);
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
    this.#signal?.abort(error);
    this.#abandonTimer = setTimeout(() => {
      this.#isAbandoned = true;
      this.#abandonment?.abort(error);
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

/** Controllers are made when somebody asks for their signals, since most handlers never do. */
function controllerOf(reason: Error | undefined): AbortController {
  const controller = new AbortController();
  if (reason !== undefined) controller.abort(reason);
  return controller;
}
