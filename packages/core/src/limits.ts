import { coreError, type PostkitError } from "./errors.ts";

/** Limits of one call. */
export interface CallOptions {
  /** Gives the call up; its connection is closed, since what runs on it is no longer known. */
  signal?: AbortSignal | undefined;
  /** Longest time in milliseconds, waiting for a connection included. @defaultValue the client's `timeoutMs` */
  timeoutMs?: number | undefined;
}

/** Longest time a timer can wait; more, some 25 days, is no limit. */
export const timerMsMax = 2 ** 31 - 1;

/** Holds the steps of one call to its deadline and its signal. */
export class Limits {
  readonly #signal: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onAbort: (() => void) | undefined;
  readonly #what: string;
  #expiry: PostkitError | undefined;
  readonly #waiting = new Set<(error: PostkitError) => void>();

  constructor({ signal, timeoutMs }: CallOptions, what: string) {
    this.#what = what;
    this.#signal = signal;
    if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
      throw coreError(
        "VAL_ARGUMENT",
        `timeoutMs must be a number of milliseconds, not ${timeoutMs}`,
      );
    }
    if (timeoutMs !== undefined && timeoutMs <= timerMsMax) {
      this.#timer = setTimeout(
        () => this.#expire("SYS_TIMEOUT", `took longer than ${timeoutMs} ms`),
        timeoutMs,
      );
    }
    if (signal === undefined) return;
    this.#onAbort = () => this.#expire("SYS_ABORTED", "was aborted");
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  get hasExpired(): boolean {
    return this.#expiry !== undefined;
  }

  /** Runs a step, or gives it up when a limit is reached first; `onLate` then gets what it still brings. */
  race<T>(step: () => Promise<T>, onLate?: (value: T) => void): Promise<T> {
    return this.guard((resolve, reject) => void step().then(resolve, reject), onLate);
  }

  /** The same for a step that answers through callbacks. */
  guard<T>(
    start: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
    onLate?: (value: T) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#expiry !== undefined) return reject(this.#expiry);
      this.#waiting.add(reject);
      start(
        (value) => (this.#waiting.delete(reject) ? resolve(value) : onLate?.(value)),
        (error) => {
          this.#waiting.delete(reject);
          reject(error);
        },
      );
    });
  }

  end(): void {
    clearTimeout(this.#timer);
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener("abort", this.#onAbort);
  }

  #expire(code: "SYS_TIMEOUT" | "SYS_ABORTED", why: string): void {
    if (this.#expiry !== undefined) return;
    const cause = code === "SYS_ABORTED" ? { cause: this.#signal?.reason as unknown } : {};
    this.#expiry = coreError(code, `${this.#what} ${why}`, cause);
    for (const giveUp of this.#waiting) giveUp(this.#expiry);
    this.#waiting.clear();
  }
}
