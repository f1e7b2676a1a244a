import { setTimeout as delay } from "node:timers/promises";
import type { Backend } from "./backend.ts";

/** Jobs came without a pause for so long that pushes need not wake this worker. */
const busyMs = 500;
const lookMsFirst = 2;
const lookMsMax = 500;
const retryMs = 250;

export interface StandByOptions {
  readonly backend: Backend;
  /** Whether notifications reach this worker at all. */
  readonly listens: boolean;
  /** Has the worker look for jobs; when there are no more, it calls `begin`. */
  readonly look: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Tells pushers when to notify, so that none does while all workers are busy and none is missed when one is not.
 *
 * Before it relies on notifications it reports that it waits, and then reads which transactions have written jobs and not
 * ended. Those may not have seen the report, so it looks for jobs until the last of them has ended; all later ones have.
 */
export class StandBy {
  /** Resolves when this worker has reported and is busy, or pushes are first sure to wake it, or it is over. */
  readonly arrived: Promise<void>;
  readonly #options: StandByOptions;
  #arrive = () => {};
  #isArrived = false;
  #isReported = false;
  /** Whether pushers were told that this worker is busy; one that never waited has told them nothing yet. */
  #isKnownBusy = false;
  #isUnderWay = false;
  #isOver = false;
  #busySinceMs: number | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #reports: Promise<void> = Promise.resolve();

  constructor(options: StandByOptions) {
    this.#options = options;
    this.arrived = new Promise((resolve) => {
      this.#arrive = resolve;
    });
  }

  /** Notes whether an answer had as many jobs as were asked for. */
  note(isFull: boolean): void {
    if (!isFull) {
      this.#busySinceMs = undefined;
      return;
    }
    const nowMs = performance.now();
    this.#busySinceMs ??= nowMs;
    if (!this.#isReported) {
      this.#isReported = true;
      void this.refresh().then(this.#arrive, (error: unknown) => {
        this.#isReported = false;
        this.#options.onError(error);
      });
    }
    if (!this.#isKnownBusy && !this.#isUnderWay && nowMs - this.#busySinceMs > busyMs) {
      this.#isArrived = false;
      this.#isKnownBusy = true;
      void this.refresh().catch(this.#options.onError);
    }
  }

  /** Sees to it that pushes wake this worker, when they do not yet. */
  begin(): void {
    if (this.#isArrived || this.#isUnderWay || this.#isOver) return;
    this.#isUnderWay = true;
    this.#isArrived = true;
    this.#isKnownBusy = false;
    void this.#settleDown()
      .then(() => this.#arrive())
      .catch((error: unknown) => this.#tryAgainAfter(error))
      .finally(() => {
        this.#isUnderWay = false;
      });
  }

  /** After an outage nothing is known of what the database was told. */
  doubt(): void {
    this.#isKnownBusy = false;
    if (!this.#isUnderWay) this.#isArrived = false;
  }

  /** Tells that the worker is alive, and whether it waits; one after the other, since the last one counts. */
  refresh(): Promise<void> {
    const { backend, listens } = this.#options;
    const isWaiting = this.#isArrived && listens;
    this.#reports = this.#reports
      .catch(() => {})
      .then(() => (this.#isOver ? undefined : backend.report(isWaiting)));
    return this.#reports;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#retryTimer);
    this.#arrive();
    await this.#reports.catch(() => {});
    await this.#options.backend.forget();
  }

  async #settleDown(): Promise<void> {
    const { backend, listens, look } = this.#options;
    await this.refresh();
    if (!listens) return;
    let inFlight = await backend.pushesInFlight();
    for (let lookMs = lookMsFirst; inFlight.length > 0 && !this.#isOver; lookMs *= 2) {
      look();
      await delay(Math.min(lookMs, lookMsMax));
      const stillInFlight = new Set(await backend.pushesInFlight());
      inFlight = inFlight.filter((transaction) => stillInFlight.has(transaction));
    }
    look();
  }

  /** Without the report it would be told of nothing; a look that succeeds leads back here. */
  #tryAgainAfter(error: unknown): void {
    const { look, onError } = this.#options;
    onError(error);
    this.#isArrived = false;
    if (!this.#isOver) this.#retryTimer = setTimeout(look, retryMs);
  }
}
