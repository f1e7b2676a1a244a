/** The first of the looks that nothing asked for; later ones wait twice as long each. */
const firstLookMs = 25;
const doublingsMax = 10;
/** Longest time by which the look for a due job is put off after others in vain. */
const vainMsMax = 1_000;

/** What a look for jobs brought. */
export interface Look {
  readonly count: number;
  /** Until the next deferred job, where there is one. */
  readonly dueInMs: number | undefined;
}

/** How long to wait before the next look for jobs, when nobody tells of new ones. */
export class Patience {
  readonly #pollIntervalMs: number;
  #emptyLooks = 0;
  #vainLooks = 0;
  /** When a deferred job that was known of is due. */
  #dueAtMs = Infinity;

  constructor(pollIntervalMs: number) {
    this.#pollIntervalMs = pollIntervalMs;
  }

  /** @param isListening whether notifications arrive; without them the first looks come sooner */
  after({ count, dueInMs }: Look, isListening: boolean): number {
    this.#emptyLooks = count > 0 ? 0 : this.#emptyLooks + 1;
    if (count > 0) this.#vainLooks = 0;
    else if (performance.now() >= this.#dueAtMs) this.#vainLooks += 1;
    const untilDueMs = this.#untilDueMs(dueInMs);
    this.#dueAtMs = performance.now() + untilDueMs;
    return Math.min(this.#untilPollMs(isListening), untilDueMs);
  }

  #untilPollMs(isListening: boolean): number {
    const jitter = 0.75 + Math.random() / 2;
    if (isListening) return this.#pollIntervalMs * jitter;
    return Math.min(this.#pollIntervalMs, doubled(this.#emptyLooks)) * jitter;
  }

  /** Jobs that were due and could not be taken are in a queue that is paused, or others have them; so may the next ones. */
  #untilDueMs(dueInMs = Infinity): number {
    if (this.#vainLooks < 2) return dueInMs;
    return Math.max(
      dueInMs,
      Math.min(this.#pollIntervalMs, vainMsMax, doubled(this.#vainLooks - 2)),
    );
  }
}

function doubled(times: number): number {
  return firstLookMs * 2 ** Math.min(times, doublingsMax);
}
