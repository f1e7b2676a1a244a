/** Jobs that are fetched ahead last this long at the present pace. */
const aheadMs = 100;
const windowMs = 20;

/** How fast jobs end, which tells how many to fetch ahead: none that would wait for long while others are free. */
export class Pace {
  #count = 0;
  #sinceMs = performance.now();
  #perMs = 0;

  note(): void {
    this.#count += 1;
  }

  prefetch(max: number): number {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs >= windowMs) {
      this.#perMs = (this.#perMs + this.#count / elapsedMs) / 2;
      this.#count = 0;
      this.#sinceMs = nowMs;
    }
    return Math.min(max, Math.floor(this.#perMs * aheadMs));
  }
}
