import {
  isDead,
  type Backend,
  type Exchanged,
  type SettledJob,
  type Settlement,
} from "./backend.ts";
import { batchMax, takeBatch } from "./batch.ts";
import { keep, withoutOvertaken } from "./heartbeat.ts";
import type { Held } from "./job.ts";
import { isRefusal } from "./refusal.ts";
import { Retry } from "./retry.ts";
import { lostError } from "./outcomes.ts";
import { Pace } from "./pace.ts";
import { Patience } from "./patience.ts";
import { RunningJob } from "./running-job.ts";
import type { JobEnd, JobRunner } from "./run-job.ts";
import type { WorkerSettings } from "./settings.ts";
import type { StandBy } from "./stand-by.ts";

/** The share of its lease after which a job is kept, or given back when it has not begun. */
const dueShare = 1 / 8;
/** Calls under way at once: the jobs of one run while the other is answered. */
const callsMax = 2;
/** Jobs done that are worth a second call while the first is under way. */
const settleMin = 100;

/** A settlement that is still to be made. */
interface DueSettlement extends Settlement {
  /** What is to be done when it has made its job a dead letter. */
  readonly onDead?: () => void;
}

/** Takes jobs, keeps as many running as it may, and settles them, in as few calls as the pace asks for. */
export class JobPump {
  /** Whether notifications arrive; without them it looks for jobs more often. */
  isListening = false;
  readonly #backend: Backend;
  readonly #settings: WorkerSettings;
  readonly #run: JobRunner;
  readonly #standBy: StandBy;
  readonly #pace = new Pace();
  readonly #patience: Patience;
  /** Jobs that wait for a place. */
  readonly #buffer: RunningJob[] = [];
  readonly #running = new Set<RunningJob>();
  readonly #done: Held[] = [];
  readonly #settlements: DueSettlement[] = [];
  #calls = 0;
  #isSettling = false;
  /** Fewer than a batch while one is looked for that cannot be settled. */
  #settleMax = batchMax;
  /** What was told before, without an answer. */
  readonly #toldBefore = new WeakSet<Held>();
  /** Jobs asked for by calls that are under way. */
  #asked = 0;
  /** Whether there may be jobs that nobody would tell of. */
  #isHungry = true;
  #wakes = 0;
  #pollTimer: NodeJS.Timeout | undefined;
  readonly #exchangeRetry = new Retry();
  readonly #settleRetry = new Retry();
  #isPumping = false;
  #isPumpDue = false;
  #isClosing = false;
  #isOver = false;
  #onQuiet = () => {};

  constructor(backend: Backend, settings: WorkerSettings, run: JobRunner, standBy: StandBy) {
    this.#backend = backend;
    this.#settings = settings;
    this.#run = run;
    this.#standBy = standBy;
    this.#patience = new Patience(settings.pollIntervalMs);
  }

  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.#running.size, waiting: this.#buffer.length };
  }

  /** Looks for jobs, and once more after a look that is under way, which may be too early to see them. */
  wake(): void {
    this.#wakes += 1;
    this.#isHungry = true;
    this.#pump();
  }

  /** Takes no more jobs, gives back those that have not begun, and resolves when all others have ended and are settled. */
  close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#pollTimer);
    return new Promise((resolve) => {
      this.#onQuiet = resolve;
      this.#pump();
    });
  }

  /** Ends at once, whatever is not settled by now. */
  end(): void {
    this.#isClosing = true;
    this.#isOver = true;
    clearTimeout(this.#pollTimer);
    this.#exchangeRetry.end();
    this.#settleRetry.end();
    for (const running of this.#running) running.end();
  }

  abortAll(message: string): void {
    for (const running of this.#running) running.abort("shutdown", message);
  }

  /** Keeps the jobs that it has had for a while, or the one that is named, and learns which to give up. */
  async heartbeat(jobId?: string): Promise<void> {
    const { leaseMs } = this.#settings;
    const isDue = ({ heldSinceMs }: RunningJob) =>
      heldSinceMs < performance.now() - leaseMs * dueShare;
    this.#giveBack(isDue);
    const held = withoutOvertaken(
      jobId === undefined
        ? [...this.#running].filter((running) => isDue(running))
        : [...this.#running, ...this.#buffer].filter(({ id }) => id === jobId),
    );
    for (let start = 0; start < held.length; start += batchMax) {
      await keep(this.#backend, held.slice(start, start + batchMax), leaseMs);
    }
    this.#giveBack(({ aborted }) => aborted !== undefined);
  }

  /** Starts what can be started and asks what is to be asked. */
  #pump(): void {
    if (this.#isPumping || this.#isOver) return;
    this.#isPumping = true;
    if (this.#isClosing) this.#giveBack(() => true);
    this.#startJobs();
    while (!this.#exchangeRetry.isWaiting && this.#wantsCall()) void this.#exchange();
    if (!this.#settleRetry.isWaiting && this.#settlements.length > 0 && !this.#isSettling) {
      void this.#settle();
    }
    this.#isPumping = false;
    if (!this.#isHungry && !this.#isClosing) this.#standBy.begin();
    if (this.#isQuiet) this.#onQuiet();
  }

  /** Once for all jobs that end in one turn. */
  #pumpSoon(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    setImmediate(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  get #isQuiet(): boolean {
    const { size } = this.#running;
    const { length } = this.#buffer;
    return (
      size + length + this.#done.length + this.#settlements.length + this.#calls === 0 &&
      !this.#isSettling
    );
  }

  #startJobs(): void {
    const lostBeforeMs = performance.now() - this.#settings.leaseMs;
    while (this.#running.size < this.#settings.concurrency) {
      const next = this.#buffer.shift();
      if (next === undefined) return;
      // After a standstill of the whole process it may be another's by now.
      if (next.heldSinceMs < lostBeforeMs) continue;
      this.#running.add(next);
      this.#run(next, (end) => this.#finish(next, end));
    }
  }

  #finish(running: RunningJob, end: JobEnd): void {
    const { outcome, error } = end;
    this.#running.delete(running);
    this.#pace.note();
    if (error !== undefined && end.isMeant !== true) this.#settings.onError(error, running.job);
    if (outcome === "ack") this.#done.push(running);
    else if (outcome !== "none") {
      this.#settlements.push({
        job: running,
        outcome,
        error: end.message,
        delayMs: end.delayMs,
        onDead: () => this.#settings.onDead(running.job, error),
      });
    }
    this.#startJobs();
    this.#pumpSoon();
  }

  /** Settles jobs that have not begun: for others to take at once, unless they were given up meanwhile. */
  #giveBack(isTaken: (waiting: RunningJob) => boolean): void {
    const taken = new Set(this.#buffer.filter(isTaken));
    if (taken.size === 0) return;
    const kept = this.#buffer.filter((waiting) => !taken.has(waiting));
    this.#buffer.splice(0, this.#buffer.length, ...kept);
    for (const job of taken) {
      if (job.aborted?.why === "lost") continue;
      const isCancelled = job.aborted?.why === "cancel";
      this.#settlements.push({ job, outcome: isCancelled ? "cancel" : "release_uncounted" });
    }
    this.#pumpSoon();
  }

  #wantsCall(): boolean {
    if (this.#calls === callsMax) return false;
    if (this.#done.length > (this.#calls === 0 ? 0 : settleMin)) return true;
    return this.#isHungry && this.#room > 0 && this.#runsLow;
  }

  /** How many more jobs there is a place for, running or ahead. */
  get #room(): number {
    if (this.#isClosing) return 0;
    const { concurrency, prefetchMax } = this.#settings;
    const places = concurrency + this.#pace.prefetch(prefetchMax) - this.#running.size;
    return Math.max(0, Math.min(batchMax, places - this.#buffer.length - this.#asked));
  }

  get #runsLow(): boolean {
    const coming = this.#buffer.length + this.#asked;
    const { concurrency, prefetchMax } = this.#settings;
    return (
      coming < concurrency - this.#running.size || coming <= this.#pace.prefetch(prefetchMax) / 2
    );
  }

  async #exchange(): Promise<void> {
    const done = takeBatch(this.#done, (job) => job);
    const limit = this.#room;
    const wakes = this.#wakes;
    const askedAtMs = performance.now();
    this.#calls += 1;
    this.#asked += limit;
    try {
      const answer = await this.#backend.exchange(done, limit);
      this.#exchangeRetry.succeed();
      const { namespace } = this.#backend;
      for (const row of answer.jobs) this.#buffer.push(new RunningJob(row, namespace, askedAtMs));
      this.#reportLost(done, answer.stale);
      if (limit > 0) this.#learn(answer, limit, wakes === this.#wakes);
    } catch (error) {
      // Told again after a while: the fence keeps what was done all the same from being done twice.
      for (const job of done) this.#toldBefore.add(job);
      this.#isHungry = true;
      if (isRefusal(error) && done.length > 0) {
        this.#settlements.push(...done.map((job) => ({ job, outcome: "ack" as const })));
      } else {
        this.#done.unshift(...done);
        this.#waitAfter(error, this.#exchangeRetry);
      }
    } finally {
      this.#calls -= 1;
      this.#asked -= limit;
      this.#pump();
    }
  }

  /** Notes what an answer says about the jobs that are left. */
  #learn({ jobs, dueInMs }: Exchanged, limit: number, isCurrent: boolean): void {
    const isFull = jobs.length === limit;
    this.#standBy.note(isFull);
    const nextLookMs = this.#patience.after({ count: jobs.length, dueInMs }, this.isListening);
    if (isFull || !isCurrent || this.#isClosing) return;
    this.#isHungry = false;
    clearTimeout(this.#pollTimer);
    this.#pollTimer = setTimeout(() => this.wake(), nextLookMs);
  }

  async #settle(): Promise<void> {
    this.#isSettling = true;
    const settlements = takeBatch(this.#settlements, ({ job }) => job, this.#settleMax);
    const jobs = settlements.map(({ job }) => job);
    try {
      const settled = await this.#backend.settle(settlements);
      this.#settleRetry.succeed();
      this.#settleMax = batchMax;
      this.#settleRest(settlements, settled);
      tellDead(settlements, settled);
      const stale = settled.filter(({ status }) => status === "stale");
      this.#reportLost(
        jobs,
        stale.map(({ jobId }) => jobId),
      );
    } catch (error) {
      for (const job of jobs) this.#toldBefore.add(job);
      if (isRefusal(error)) this.#settleWithout(settlements, error);
      else {
        this.#settlements.unshift(...settlements);
        this.#waitAfter(error, this.#settleRetry);
      }
    } finally {
      this.#isSettling = false;
      this.#pump();
    }
  }

  /** Puts back what has no answer, of which nobody knows what has become. */
  #settleRest(made: readonly DueSettlement[], settled: readonly SettledJob[]): void {
    if (settled.length === made.length) return;
    const answered = new Set(settled.map(({ jobId }) => jobId));
    const rest = made.filter(({ job }) => !answered.has(job.id));
    for (const { job } of rest) this.#toldBefore.add(job);
    this.#settlements.unshift(...rest);
  }

  /** Narrows down which settlement was refused, and gives that one up: its job is another's when the lease is over. */
  #settleWithout(refused: readonly DueSettlement[], error: unknown): void {
    if (refused.length > 1) {
      this.#settleMax = Math.ceil(refused.length / 2);
      this.#settlements.unshift(...refused);
    } else {
      this.#settleMax = batchMax;
      this.#settings.onError(error);
    }
  }

  /** Of those that had been told before, the call without an answer may have settled them. */
  #reportLost(told: readonly Held[], stale: readonly string[]): void {
    if (stale.length === 0) return;
    const unsure = new Set(told.filter((job) => this.#toldBefore.has(job)).map(({ id }) => id));
    for (const id of stale) if (!unsure.has(id)) this.#settings.onError(lostError(id));
  }

  #waitAfter(error: unknown, retry: Retry): void {
    this.#settings.onError(error);
    if (!this.#isOver) retry.fail(() => this.#pump());
  }
}

function tellDead(made: readonly DueSettlement[], settled: readonly SettledJob[]): void {
  const statuses = new Map(settled.map(({ jobId, status }) => [jobId, status]));
  for (const settlement of made) {
    if (isDead(settlement, statuses.get(settlement.job.id) ?? "stale")) settlement.onDead?.();
  }
}
