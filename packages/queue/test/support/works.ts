import { createPostkit, type Postkit, type QueryEvent } from "@postkit/core";
import {
  type JobHandler,
  type PushOptions,
  queue,
  type Work,
  type Worker,
  type WorkerJob,
} from "@postkit/queue";
import { type TestDatabase, waitFor } from "@postkit/testkit";

export type QueuePostkit = Postkit<{ queue: typeof queue }>;

/** An hour: whatever happens sooner, no poll did it. */
export const noPolling = 3_600_000;

export interface WorksOptions {
  /** @defaultValue the database for the application's role */
  readonly connectionString?: string;
  /** @defaultValue one of its own */
  readonly tenant?: string;
  /** Connections of the pool. @defaultValue 10 */
  readonly max?: number;
  /** Longest time of one call. @defaultValue 30000 */
  readonly timeoutMs?: number;
  /** Told of each call. */
  readonly onQuery?: (event: QueryEvent) => void;
}

/** A tenant with a client and its workers, which all end with it. */
export interface Works extends AsyncDisposable {
  readonly tenant: string;
  readonly postkit: QueuePostkit;
  readonly queue: QueuePostkit["queue"];
  /** Pushes a job without a key, which always has an id. */
  push(name: string, payload: unknown, options?: PushOptions): Promise<string>;
  /** What the workers told to `onError`. */
  readonly errors: ReportedError[];
  /** The client's, without polling and with what goes wrong noted. */
  readonly work: Work["work"];
}

export interface ReportedError {
  readonly error: unknown;
  readonly job: WorkerJob | undefined;
}

let tenants = 0;

/** Opens a client for a tenant. */
export function openWorks(db: TestDatabase, options: WorksOptions = {}): Works {
  tenants += 1;
  const { tenant = `tenant ${tenants}` } = options;
  const postkit = connect(options.connectionString ?? db.appUrl, tenant, options);
  const workers: Worker[] = [];
  const errors: ReportedError[] = [];
  return {
    tenant,
    postkit,
    queue: postkit.queue,
    errors,
    push: async (name, payload, more) => present(await postkit.queue.push(name, payload, more)),
    work(queues, handler, more) {
      const worker = postkit.queue.work(queues, handler, {
        pollIntervalMs: noPolling,
        onError: (error, job) => errors.push({ error, job }),
        ...more,
      });
      workers.push(worker);
      return worker;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await postkit.close();
    },
  };
}

/** What a test knows to be there. */
export function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error("It is not there.");
  return value;
}

export function connect(
  connectionString: string,
  namespace: string,
  { max = 10, timeoutMs = 30_000, onQuery }: WorksOptions = {},
): QueuePostkit {
  return createPostkit({
    connectionString,
    namespace,
    modules: { queue },
    pool: { max },
    timeoutMs,
    onQuery,
    listener: { reconnectMsMax: 100 },
  });
}

/** A handler that notes the jobs it gets, and can be told to wait. */
export interface Recorder {
  readonly handler: JobHandler<unknown, QueuePostkit>;
  readonly jobs: WorkerJob[];
  payloads(): unknown[];
  /** Waits until it was called that often. */
  calls(count: number): Promise<void>;
}

/** @param then what the handler does with the n-th job, from 1 */
export function record(then: (job: WorkerJob, call: number) => unknown = () => {}): Recorder {
  const jobs: WorkerJob[] = [];
  return {
    jobs,
    handler: (job) => {
      jobs.push(job);
      return then(job, jobs.length);
    },
    payloads: () => jobs.map(({ payload }) => payload),
    calls: (count) =>
      waitFor(() => jobs.length >= count, { what: `${count} calls` }).then(() => {}),
  };
}

/** A promise that a test resolves. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** Waits until every job of a tenant has ended. */
export async function allSettled({ queue: client }: Works): Promise<void> {
  await waitFor(
    async () => {
      const { pending, running } = await client.getStats();
      return Number(pending) + Number(running) === 0;
    },
    { what: "all jobs to have ended" },
  );
}
