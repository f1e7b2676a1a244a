const firstMs = 50;
const msMax = 5_000;

/** The wait after a failed call before the next one: longer each time, until one succeeds, and without an end. */
export class Retry {
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  get isWaiting(): boolean {
    return this.#timer !== undefined;
  }

  succeed(): void {
    this.#failures = 0;
  }

  fail(then: () => void): void {
    if (this.isWaiting) return;
    const delayMs = Math.random() * Math.min(msMax, firstMs * 2 ** this.#failures);
    this.#failures += 1;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      then();
    }, delayMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
