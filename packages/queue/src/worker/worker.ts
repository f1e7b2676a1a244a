import type { ListenEvent, Subscription } from "@postkit/core";
import type { Backend } from "./backend.ts";
import { JobPump } from "./job-pump.ts";
import type { JobRunner } from "./run-job.ts";
import type { WorkerSettings } from "./settings.ts";
import { StandBy } from "./stand-by.ts";

const maintenanceMs = 1_000;
const refreshMs = 30_000;
/** Longest time for what is told to the database at the end, which may be away. */
const goodbyeMs = 2_000;
const timerMsMax = 2 ** 31 - 1;

/** Takes jobs and runs them until it is drained. Made by `work`. */
export class Worker implements AsyncDisposable {
  /** Its name, which is in `lockedBy` of the jobs it holds. */
  readonly id: string;
  /** Resolves when it has jobs, or pushes wake it; never rejects. */
  readonly ready: Promise<void>;
  /** Resolves when it has been drained; never rejects. */
  readonly drained: Promise<void>;
  readonly #settings: WorkerSettings;
  readonly #backend: Backend;
  readonly #pump: JobPump;
  readonly #standBy: StandBy;
  readonly #close: () => Promise<void>;
  readonly #timers = new Set<NodeJS.Timeout>();
  #subscriptions: readonly Subscription[] = [];
  #isOver = false;
  #draining: Promise<void> | undefined;
  #onDrained = () => {};

  /** @param close ends the connections of its own */
  constructor(
    settings: WorkerSettings,
    backend: Backend,
    run: JobRunner,
    close: () => Promise<void>,
  ) {
    this.#close = close;
    this.id = settings.id;
    this.#settings = settings;
    this.#backend = backend;
    this.#standBy = new StandBy({
      backend,
      listens: settings.listens,
      look: () => this.#pump.wake(),
      onError: (error) => this.#report(error),
    });
    this.#pump = new JobPump(backend, settings, run, this.#standBy);
    this.drained = new Promise((resolve) => {
      this.#onDrained = resolve;
    });
    this.ready = this.#begin();
  }

  /** How many jobs it holds: running, and taken ahead. */
  get load(): { readonly running: number; readonly waiting: number } {
    return this.#pump.load;
  }

  /**
   * Takes no more jobs, gives back those that have not begun, and waits for those that run. After `timeoutMs` their
   * signals are aborted; what then fails, or does not end in the time of `abandonMs`, is given back with its attempt, for
   * others to run. Resolves in any case, a few seconds later when the database is away: then jobs are run again when
   * their leases are over.
   *
   * @param options.timeoutMs @defaultValue the worker's `drainTimeoutMs`
   */
  drain({ timeoutMs = this.#settings.drainTimeoutMs }: { timeoutMs?: number } = {}): Promise<void> {
    return (this.#draining ??= this.#drain(timeoutMs));
  }

  /** Drains without patience: the signals of the jobs that run are aborted at once. */
  stop(): Promise<void> {
    this.#pump.abortAll("the worker was stopped");
    return this.drain({ timeoutMs: 0 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  async #begin(): Promise<void> {
    const { leaseMs, maintains, listens } = this.#settings;
    this.#every(leaseMs / 6, () => this.#pump.heartbeat());
    this.#every(refreshMs, () => this.#standBy.refresh());
    if (maintains) this.#every(maintenanceMs, () => this.#backend.maintain());
    if (listens) {
      this.#subscriptions = this.#backend.listen((event) => this.#hear(event));
    }
    this.#pump.wake();
    await Promise.allSettled(this.#subscriptions.map(({ ready }) => ready));
    await this.#standBy.arrived;
  }

  async #drain(timeoutMs: number): Promise<void> {
    const impatience = setTimeout(
      () => this.#pump.abortAll("the worker is shut down"),
      Math.min(timeoutMs, timerMsMax),
    );
    try {
      await within(timeoutMs + this.#settings.abandonMs + goodbyeMs, this.#pump.close());
      await within(goodbyeMs, this.#leave());
    } catch (error) {
      this.#settings.onError(error);
    } finally {
      clearTimeout(impatience);
      this.#onDrained();
    }
  }

  async #leave(): Promise<void> {
    this.#pump.end();
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const closed = this.#subscriptions.map((subscription) => subscription.close());
    const forgotten = this.#standBy.end().catch(this.#settings.onError);
    await Promise.allSettled([...closed, forgotten.then(this.#close)]);
  }

  /** Does something again and again, each time a while after the last time ended. */
  #every(ms: number, work: () => Promise<void>): void {
    if (this.#isOver) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        void work()
          .catch((error: unknown) => this.#report(error))
          .then(() => this.#every(ms, work));
      },
      ms * (0.75 + Math.random() / 2),
    );
    this.#timers.add(timer);
  }

  /** What was under way when the worker ended may fail for want of its connections. */
  #report(error: unknown): void {
    if (!this.#isOver) this.#settings.onError(error);
  }

  #hear(event: ListenEvent): void {
    this.#pump.isListening = event.type !== "lost";
    if (event.type === "lost") this.#report(event.error);
    if (event.type !== "notification") this.#standBy.doubt();
    const cancelled = event.type === "notification" ? cancelledBy(event.payload) : undefined;
    if (cancelled === undefined) this.#pump.wake();
    else void this.#pump.heartbeat(cancelled).catch((error: unknown) => this.#report(error));
  }
}

/** The job that a notification asks to give up. */
function cancelledBy(payload: string): string | undefined {
  return /^\{"cancel" : (\d+),/.exec(payload)?.[1];
}

/** Waits for something to be over, or for the time to be. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, timerMsMax));
  });
  await Promise.race([work, timeUp]);
  clearTimeout(timer);
}
