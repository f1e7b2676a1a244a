import type { TestDatabase } from "@postkit/testkit";

/** A job queue as its users see it, so that all are measured by the same code. */
export interface Contestant {
  readonly name: string;
  /** Installs it in a database that does not have it yet, with these queues, and opens what pushes. */
  open(database: TestDatabase, options: OpenOptions): Promise<OpenQueue>;
}

export interface OpenOptions {
  readonly queues: readonly string[];
  readonly tuning: Tuning;
}

/** As its documentation advises for throughput, or what one gets who sets nothing. */
export type Tuning = "best" | "defaults";

export interface OpenQueue extends AsyncDisposable {
  /** Pushes one job to the first queue, on one of `pushConnections`. */
  push(): Promise<unknown>;
  /** Pushes jobs in one call. */
  pushMany(batch: Batch): Promise<unknown>;
  /** Starts working on all queues in this process. Disposing stops in order: what has begun is completed. */
  work(options: WorkOptions): Promise<AsyncDisposable>;
  /** Counts the jobs that are not completed for good: waiting, delayed or running. */
  countUnfinished(): Promise<number>;
}

export interface Batch {
  readonly count: number;
  /** @defaultValue the first */
  readonly queue?: string;
  /** From 0 to 9, 9 being the most urgent. @defaultValue 0 */
  readonly priority?: number;
  /** @defaultValue now */
  readonly runAt?: Date;
}

export interface WorkOptions {
  /** The handler, called once for each job. */
  readonly onJob: () => void | Promise<void>;
  /** Handlers under way at once, where it matters that all have the same. @defaultValue by the tuning */
  readonly concurrency?: number;
}

export const pushConnections = 16;

/** The payload of every job: 200 bytes as JSON. */
export const payload = { text: "x".repeat(200 - '{"text":""}'.length) };
