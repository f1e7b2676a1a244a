import { coreError } from "./errors.ts";

/** Limits of one call. */
export interface CallOptions {
  /** Gives the call up; its connection is closed, since what runs on it is no longer known. */
  signal?: AbortSignal | undefined;
  /** Longest time in milliseconds, waiting for a connection included. @defaultValue the client's `timeoutMs` */
  timeoutMs?: number | undefined;
}

/** Races the steps of one call against its deadline and its signal. */
export class Limits {
  readonly #expired: Promise<never>;
  readonly #dispose: () => void;
  #hasExpired = false;

  constructor({ signal, timeoutMs }: CallOptions, what: string) {
    let reject: (error: Error) => void = () => {};
    this.#expired = new Promise<never>((_, rejected) => {
      reject = (error) => {
        this.#hasExpired = true;
        rejected(error);
      };
    });
    this.#expired.catch(() => {});
    const onTimeout = () => reject(coreError("SYS_TIMEOUT", `${what} took longer than ${timeoutMs} ms`));
    const onAbort = () => reject(coreError("SYS_ABORTED", `${what} was aborted`, { cause: signal?.reason }));
    const timer = timeoutMs === undefined || timeoutMs === Infinity ? undefined : setTimeout(onTimeout, timeoutMs);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
    this.#dispose = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
  }

  get hasExpired(): boolean {
    return this.#hasExpired;
  }

  async race<T>(work: () => Promise<T>, onLate?: (value: T) => void): Promise<T> {
    if (this.#hasExpired) return this.#expired;
    const running = work();
    try {
      return await Promise.race([running, this.#expired]);
    } catch (error) {
      if (this.#hasExpired) running.then(onLate, () => {});
      throw error;
    }
  }

  end(): void {
    this.#dispose();
  }
}
