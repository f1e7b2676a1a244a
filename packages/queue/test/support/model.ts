export const hourMs = 3_600_000;

export type SettleOutcome = "ack" | "nack" | "fail" | "release" | "release_uncounted" | "cancel";

export interface NewJob {
  readonly queue: string;
  readonly delayHours: number;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly key: string | null;
}

/** What is done to a queue. Jobs that are held are named by the number of their pull. */
export type Command =
  | { readonly call: "push"; readonly job: NewJob }
  | { readonly call: "push_many"; readonly jobs: readonly NewJob[] }
  | {
      readonly call: "push_batch";
      readonly queue: string;
      readonly count: number;
      readonly priority: number;
    }
  | { readonly call: "pull"; readonly queue: string; readonly hours: number }
  | {
      readonly call: "pull_batch";
      readonly queue: string;
      readonly limit: number;
      readonly hours: number;
    }
  | { readonly call: "pull_any"; readonly queues: readonly string[]; readonly hours: number }
  | {
      readonly call: "settle";
      readonly pull: number;
      readonly outcome: Exclude<SettleOutcome, "cancel">;
      readonly backoffHours: number | null;
    }
  | { readonly call: "ack_batch"; readonly pulls: readonly number[] }
  | {
      readonly call: "settle_batch";
      readonly pulls: readonly number[];
      readonly outcomes: readonly SettleOutcome[];
      readonly backoffHours: number | null;
    }
  | {
      readonly call: "settle_and_pull";
      readonly pulls: readonly number[];
      readonly queues: readonly string[];
      readonly limit: number;
      readonly hours: number;
    }
  | { readonly call: "extend_visibility"; readonly pull: number; readonly hours: number }
  | { readonly call: "heartbeat_batch"; readonly pulls: readonly number[]; readonly hours: number }
  | { readonly call: "tick_timeouts" }
  | { readonly call: "elapse"; readonly hours: number }
  | { readonly call: "cancel" | "request_cancel"; readonly job: number }
  | { readonly call: "purge_queue" | "pause_queue" | "resume_queue"; readonly queue: string }
  | { readonly call: "retry_dead_letter"; readonly letter: number }
  | { readonly call: "retry_dead_letters"; readonly queue: string; readonly limit: number };

export interface PulledJob {
  readonly id: string;
  readonly queue: string;
  readonly attempts: number;
  readonly error: string | null;
}

export interface ModelJob {
  readonly id: string;
  readonly queue: string;
  readonly priority: number;
  readonly maxAttempts: number;
  key: string | null;
  status: "pending" | "running" | "completed" | "cancelled" | "dead" | "gone";
  isDeferred: boolean;
  attempts: number;
  scheduledAt: number;
  /** When it came back, if it may be taken again at once. */
  returnedAt: number | undefined;
  error: string | null;
  /** The number of the pull that holds it. */
  pull: number | undefined;
  expiresAt: number;
  isCancelRequested: boolean;
}

interface ModelLetter {
  readonly job: ModelJob;
  readonly failedAt: number;
  isRetried: boolean;
}

/** The queues of a tenant as the specification has them, for one who does one thing after the other. */
export class Model {
  readonly jobs: ModelJob[] = [];
  readonly letters: ModelLetter[] = [];
  /** The job of each pull. */
  readonly pulls: ModelJob[] = [];
  readonly #archivedQueues: readonly string[];
  readonly #paused = new Set<string>();
  #elapsedMs = 0;
  #moments = 0;

  constructor(archivedQueues: readonly string[]) {
    this.#archivedQueues = archivedQueues;
  }

  /** Time that goes on by itself, but slower than anything that is waited for. */
  #now(): number {
    this.#moments += 1;
    return this.#elapsedMs + this.#moments * 1e-6;
  }

  elapse(hours: number): void {
    this.#elapsedMs += hours * hourMs;
  }

  /** Which of the jobs are taken in, in the order in which they get their ids. */
  admit(jobs: readonly NewJob[]): number[] {
    const taken = new Set(this.jobs.filter(isLive).map(keyOf));
    return jobs.flatMap((job, index) => {
      if (job.key !== null && taken.has(keyOf(job))) return [];
      taken.add(keyOf(job));
      return [index];
    });
  }

  push(ids: readonly string[], jobs: readonly NewJob[]): void {
    const now = this.#now();
    for (const [index, job] of jobs.entries()) {
      this.jobs.push({
        id: ids[index] ?? "none",
        queue: job.queue,
        priority: job.priority,
        maxAttempts: job.maxAttempts,
        key: job.key,
        status: "pending",
        isDeferred: job.delayHours !== 0,
        attempts: 0,
        scheduledAt: now + job.delayHours * hourMs,
        returnedAt: undefined,
        error: null,
        pull: undefined,
        expiresAt: 0,
        isCancelRequested: false,
      });
    }
  }

  /** Takes the next jobs, of the first queues that have some. */
  pull(queues: readonly string[], limit: number, hours: number): PulledJob[] {
    const taken: ModelJob[] = [];
    for (const queue of queues.filter((one) => !this.#paused.has(one))) {
      const now = this.#now();
      const next = this.jobs
        .filter((job) => job.status === "pending" && job.queue === queue)
        .filter(({ isDeferred, scheduledAt }) => !isDeferred || scheduledAt <= now)
        .sort(byTurn)
        .slice(0, limit - taken.length);
      for (const job of next) this.#take(job, now + hours * hourMs);
      taken.push(...next);
    }
    return taken.map(({ id, queue, attempts, error }) => ({ id, queue, attempts, error }));
  }

  #take(job: ModelJob, expiresAt: number): void {
    job.status = "running";
    job.isDeferred = false;
    job.returnedAt = undefined;
    job.attempts += 1;
    job.pull = this.pulls.length;
    job.expiresAt = expiresAt;
    job.isCancelRequested = false;
    this.pulls.push(job);
  }

  isHeld(pull: number): boolean {
    const job = this.pulls[pull];
    return job?.status === "running" && job.pull === pull && job.expiresAt > this.#now();
  }

  /** Gives `stale`, `dead` for a nack that was one too many, or `ok`. */
  settle(pull: number, outcome: SettleOutcome, backoffHours: number | null): string {
    const job = this.pulls[pull];
    if (job === undefined || !this.isHeld(pull)) return "stale";
    const now = this.#now();
    if (outcome === "ack" || outcome === "cancel") {
      const status = outcome === "ack" ? "completed" : "cancelled";
      job.status = this.#archivedQueues.includes(job.queue) ? status : "gone";
      job.error = outcome === "ack" ? null : "no";
    } else if (outcome === "fail") {
      this.#bury(job, "no", now);
    } else if (job.isCancelRequested) {
      if (outcome === "nack") job.error = "no";
      if (outcome === "release_uncounted") job.attempts -= 1;
      this.#endCancelled(job);
      return outcome === "nack" ? "dead" : "ok";
    } else if (outcome === "nack" && job.attempts >= job.maxAttempts) {
      this.#bury(job, "no", now);
      return "dead";
    } else if (outcome === "nack") {
      job.status = "pending";
      job.isDeferred = true;
      job.error = "no";
      job.scheduledAt = now + (backoffHours ?? 2 ** (job.attempts - 1) / 120) * hourMs;
    } else {
      if (outcome === "release_uncounted") job.attempts -= 1;
      job.status = "pending";
      job.returnedAt = now;
    }
    return "ok";
  }

  #endCancelled(job: ModelJob): void {
    job.status = this.#archivedQueues.includes(job.queue) ? "cancelled" : "gone";
  }

  #bury(job: ModelJob, error: string, now: number): void {
    job.status = "dead";
    job.error = error;
    this.letters.push({ job, failedAt: now, isRetried: false });
  }

  extend(pull: number, hours: number): void {
    const job = this.pulls[pull];
    if (job) job.expiresAt += hours * hourMs;
  }

  /** All get the same deadline. */
  heartbeat(pulls: readonly number[], hours: number): string[] {
    const expiresAt = this.#now() + hours * hourMs;
    return pulls.map((pull) => {
      const job = this.pulls[pull];
      if (job === undefined || !this.isHeld(pull)) return "stale";
      job.expiresAt = expiresAt;
      return job.isCancelRequested ? "cancel_requested" : "held";
    });
  }

  /** The ids of those whose time is over. */
  tick(): string[] {
    const now = this.#now();
    const late = this.jobs
      .filter(({ status, expiresAt }) => status === "running" && expiresAt <= now)
      .sort((left, right) => left.expiresAt - right.expiresAt || byId(left, right));
    for (const job of late) {
      if (job.isCancelRequested) {
        this.#endCancelled(job);
      } else if (job.attempts >= job.maxAttempts) {
        this.#bury(job, "timeout", now);
      } else {
        job.status = "pending";
        job.returnedAt = this.#now();
      }
    }
    return late.map(({ id }) => id);
  }

  cancel(job: ModelJob): boolean {
    if (job.status !== "pending") return false;
    job.status = "gone";
    return true;
  }

  requestCancel(job: ModelJob): boolean {
    if (this.cancel(job)) return true;
    if (job.status !== "running") return false;
    job.isCancelRequested = true;
    return true;
  }

  purge(queue: string): number {
    const waiting = this.jobs.filter((job) => job.status === "pending" && job.queue === queue);
    for (const job of waiting) job.status = "gone";
    return waiting.length;
  }

  /** Whether that changed anything. */
  pause(queue: string): boolean {
    const isNew = !this.#paused.has(queue);
    this.#paused.add(queue);
    return isNew;
  }

  resume(queue: string): boolean {
    return this.#paused.delete(queue);
  }

  /** The numbers of the letters that are retried next. */
  nextRetries(queue: string, limit: number): number[] {
    return this.letters
      .map((letter, index) => ({ ...letter, index }))
      .filter(({ job, isRetried }) => job.queue === queue && !isRetried)
      .sort((left, right) => left.failedAt - right.failedAt || left.index - right.index)
      .slice(0, limit)
      .map(({ index }) => index);
  }

  retry(letter: number, id: string): void {
    const found = this.letters[letter];
    if (found === undefined) return;
    found.isRetried = true;
    const { queue, priority, maxAttempts } = found.job;
    this.push([id], [{ queue, priority, maxAttempts, delayHours: 0, key: null }]);
  }

  /** Whether there are jobs of the queues that are due later: who looks for jobs is told when. */
  hasDeferred(queues: readonly string[]): boolean {
    const now = this.#now();
    return this.jobs.some(
      ({ status, isDeferred, scheduledAt, queue }) =>
        status === "pending" &&
        isDeferred &&
        scheduledAt > now &&
        queues.includes(queue) &&
        !this.#paused.has(queue),
    );
  }
}

export function isLive({ status }: ModelJob): boolean {
  return status === "pending" || status === "running";
}

/** Higher priority first, then what came back in the order in which it did, then by time. */
function byTurn(left: ModelJob, right: ModelJob): number {
  return (
    right.priority - left.priority ||
    compare(left.returnedAt ?? Infinity, right.returnedAt ?? Infinity) ||
    left.scheduledAt - right.scheduledAt ||
    byId(left, right)
  );
}

function byId(left: { id: string }, right: { id: string }): number {
  return Number(left.id) - Number(right.id);
}

function compare<T extends string | number>(left: T, right: T): number {
  return left < right ? -1 : Number(left > right);
}

function keyOf({ queue, key }: { queue: string; key: string | null }): string {
  return `${queue} ${key ?? ""}`;
}
