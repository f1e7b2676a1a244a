import { randomUUID } from "node:crypto";
import { constants, hostname } from "node:os";
import type { Caller, Handle, Modules, Postkit } from "@postkit/core";
import { argumentError } from "../errors.ts";
import { knownKeys } from "../options.ts";
import type { QueueRef } from "../queues.ts";
import { tenantBackend } from "./backend.ts";
import { globalBackend } from "./global-backend.ts";
import { handlersOf, type HandlerOf } from "./handlers.ts";
import { deadHook, errorHook, type DeadHook, type ErrorHook } from "./hooks.ts";
import { jobRunner } from "./run-job.ts";
import type { WorkerSettings } from "./settings.ts";
import { endOnSignals } from "./signals.ts";
import { Worker } from "./worker.ts";

export interface WorkOptions {
  /** Jobs that run at once. @defaultValue 10; with `transactional`, half of the pool's `max` where that is less */
  readonly concurrency?: number | undefined;
  /**
   * Most jobs that are taken ahead of a free place. How many are, follows the pace: what would run within a tenth of a
   * second, so none of slow jobs. When the process dies, each costs an attempt although it had not begun; 0 takes none ahead.
   * @defaultValue 2000
   */
  readonly prefetchMax?: number | undefined;
  /**
   * How long a job is the worker's without a sign of life, in milliseconds, from 1000. The worker gives several in that
   * time; when it dies, its jobs go to others after this time. @defaultValue 20000
   */
  readonly leaseMs?: number | undefined;
  /**
   * Longest run of a job in milliseconds: then its signal is aborted, and unless the handler resolves all the same, the
   * attempt has failed. @defaultValue none
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Runs the handler in a transaction, in which the job is settled as done: what the handler writes with
   * `context.postkit` and the job's end commit together or not at all. Takes a connection of the pool for each job that
   * runs, so that the pool has to have more than these. @defaultValue false
   */
  readonly transactional?: boolean | undefined;
  /**
   * Serves the queues of all tenants, a share of each in turn; `job.namespace` says whose a job is, and
   * `context.postkit` is bound to it. For a role that was granted worker. @defaultValue false: the tenant of the client
   */
  readonly allNamespaces?: boolean | undefined;
  /** How often it looks for jobs that it was not told of, in milliseconds. @defaultValue 5000 */
  readonly pollIntervalMs?: number | undefined;
  /** Whether it keeps a connection to be told of new jobs, or only polls. @defaultValue true */
  readonly listen?: boolean | undefined;
  /**
   * Whether it does what has to be done every second for the queues: takes jobs back from dead workers, runs schedules.
   * With the grant for workers for all tenants, partitions and retention included; else for its own. @defaultValue true
   */
  readonly maintain?: boolean | undefined;
  /** How long `drain` waits for jobs that run, in milliseconds. @defaultValue 30000 */
  readonly drainTimeoutMs?: number | undefined;
  /** How long a handler may take to end once its signal was aborted, in milliseconds. @defaultValue 5000 */
  readonly abandonMs?: number | undefined;
  /** Drains when the process gets one of these, and then lets it take its course. @defaultValue none */
  readonly shutdownSignals?: readonly NodeJS.Signals[] | undefined;
  /** Its name in `lockedBy`. @defaultValue made of host, process and chance */
  readonly workerId?: string | undefined;
  /**
   * Told of every failure: of a handler, with its job, and of the worker itself, which goes on in any case.
   * @defaultValue a process warning for failures of the worker; those of handlers are kept with their jobs
   */
  readonly onError?: ErrorHook | undefined;
  /**
   * Told of a job that this worker has made a dead letter, once that is stored, with what its last attempt threw, a
   * `RetryLaterError` as well. Not of one whose lease ended, as with its process, nor where the database's answer was
   * lost: `listDeadLetters` has them all. @defaultValue none
   */
  readonly onDead?: DeadHook | undefined;
}

/** How a client works on queues. */
export interface Work {
  /**
   * Takes jobs of one or more queues and runs `handler` on each, until the worker is drained. A handler that resolves is
   * done; one that throws is tried again as the settings of the queue say. Queues are served in the order given. Besides
   * the connection that listens, the worker opens up to three of its own, made as those of the pool, so that handlers
   * may use all of the pool's.
   *
   * @example
   * const worker = postkit.queue.work("email", async (job, { signal }) => {
   *   await send(job.payload, { signal });
   * });
   * await worker.drain();
   *
   * @throws `core.VAL_ARGUMENT` for an option that is unknown or out of range, or inside a transaction
   * @throws `core.BIZ_HANDLE_CLOSED`
   */
  work<const Q extends QueueRef | readonly QueueRef[], H = Handle>(
    queues: Q,
    handler: HandlerOf<Q, H>,
    options?: WorkOptions,
  ): Worker;
}

const knownOptions = knownKeys<WorkOptions>("the options of work", {
  concurrency: true,
  prefetchMax: true,
  leaseMs: true,
  timeoutMs: true,
  transactional: true,
  allNamespaces: true,
  pollIntervalMs: true,
  listen: true,
  maintain: true,
  drainTimeoutMs: true,
  abandonMs: true,
  shutdownSignals: true,
  workerId: true,
  onError: true,
  onDead: true,
});

/** Connections for what a worker asks of the database, besides the one for heartbeats and the one that listens. */
const ownConnections = 2;

export function work(caller: Caller): Work {
  return {
    work(queues, handler, given = {}) {
      const options = knownOptions(given);
      const handlers = handlersOf(queues, handler);
      if (!("pool" in caller.handle)) throw argumentError("work is not for a transaction");
      const signals = signalsOf(options.shutdownSignals);
      const settings = settingsOf(options, connectionsOf(caller.handle as Postkit<Modules>));
      const [own, pulse] = [caller.apart(ownConnections), caller.apart(1)];
      const backend = (options.allNamespaces ? globalBackend : tenantBackend)({
        caller,
        own: own.caller,
        pulse: pulse.caller,
        queues: [...handlers.keys()],
        workerId: settings.id,
        leaseMs: settings.leaseMs,
      });
      const run = jobRunner({
        backend,
        handlers,
        isTransactional: options.transactional ?? false,
        leaseMs: settings.leaseMs,
        timeoutMs: settings.timeoutMs,
        abandonMs: settings.abandonMs,
      });
      const worker = new Worker(settings, backend, run, async () => {
        await Promise.all([own.close(), pulse.close()]);
      });
      own.beforeClose(() => worker.drain());
      endOnSignals(worker, signals);
      return worker;
    },
  };
}

function settingsOf(options: WorkOptions, connections: number): WorkerSettings {
  return {
    id: workerName(options.workerId),
    concurrency: concurrencyOf(options, connections),
    prefetchMax: inRange("prefetchMax", options.prefetchMax ?? 2_000, 0, 10_000),
    leaseMs: inRange("leaseMs", options.leaseMs ?? 20_000, 1_000, 86_400_000),
    timeoutMs:
      options.timeoutMs === undefined
        ? undefined
        : inRange("timeoutMs", options.timeoutMs, 1, 2 ** 31 - 1),
    pollIntervalMs: inRange("pollIntervalMs", options.pollIntervalMs ?? 5_000, 10, 3_600_000),
    drainTimeoutMs: inRange("drainTimeoutMs", options.drainTimeoutMs ?? 30_000, 0, 86_400_000),
    abandonMs: inRange("abandonMs", options.abandonMs ?? 5_000, 0, 3_600_000),
    maintains: options.maintain ?? true,
    listens: options.listen ?? true,
    onError: errorHook(options.onError),
    onDead: deadHook(options.onDead),
  };
}

function signalsOf(signals: readonly NodeJS.Signals[] = []): readonly NodeJS.Signals[] {
  if (!Array.isArray(signals) || !signals.every((signal) => signal in constants.signals)) {
    throw argumentError("shutdownSignals must be an array of signals, as SIGTERM");
  }
  return signals;
}

function workerName(name = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`): string {
  if (typeof name !== "string" || name === "" || name.length > 256) {
    throw argumentError("workerId must have 1 to 256 characters");
  }
  return name;
}

function connectionsOf({ pool }: Postkit<Modules>): number {
  return pool.options.max;
}

/** With all connections held by transactions, a handler's call outside of its own would wait for ever. */
function concurrencyOf(
  { concurrency, transactional = false }: WorkOptions,
  connections: number,
): number {
  if (!transactional) return inRange("concurrency", concurrency ?? 10, 1, 10_000);
  const most = Math.min(10, Math.floor(connections / 2));
  if ((concurrency ?? most) >= connections || most === 0) {
    throw argumentError(
      `a transactional worker needs more connections than its concurrency, and the pool has ${connections}`,
    );
  }
  return inRange("concurrency", concurrency ?? most, 1, 10_000);
}

function inRange(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw argumentError(`${name} must be a whole number from ${min} to ${max}, not ${value}`);
  }
  return value;
}
