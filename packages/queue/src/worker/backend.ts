import { createHash, randomUUID } from "node:crypto";
import {
  bigintArray,
  int,
  interval,
  intervalArray,
  isPostkitError,
  textArray,
  type Caller,
  type ListenHandler,
  type Subscription,
} from "@postkit/core";
import { z } from "zod";
import { lookAfterAll } from "./upkeep.ts";
import { Exchange, type Held, type JobRow } from "./job.ts";

/** How a job ends that was not simply done. */
export interface Settlement {
  readonly job: Held;
  readonly outcome: "ack" | "nack" | "fail" | "release" | "release_uncounted" | "cancel";
  readonly error?: string | undefined;
  readonly delayMs?: number | undefined;
}

/** Whether a settlement has made its job a dead letter. */
export function isDead({ outcome }: Pick<Settlement, "outcome">, status: string): boolean {
  return status === "dead" || (outcome === "fail" && status === "ok");
}

/** How a job stands after a heartbeat. */
type HeldStatus = "held" | "cancel_requested" | "stale";

/** What a worker asks of the database. */
export interface Backend {
  /** Of the jobs that do not say theirs. */
  readonly namespace: string;
  /** Settles jobs that are done and takes up to `limit` others. */
  exchange(done: readonly Held[], limit: number): Promise<Exchanged>;
  /** Settles as many as it can; what has no answer is to be told again. */
  settle(settlements: readonly Settlement[]): Promise<readonly SettledJob[]>;
  /** Keeps jobs for the lease time from now. */
  heartbeat(jobs: readonly Held[]): Promise<ReadonlyMap<string, HeldStatus>>;
  /** Tells pushers whether they have to notify this worker. */
  report(isWaiting: boolean): Promise<void>;
  forget(): Promise<void>;
  pushesInFlight(): Promise<readonly string[]>;
  /** Does what has to be done every second for the queues to go on. */
  maintain(): Promise<void>;
  listen(handler: ListenHandler): readonly Subscription[];
  /** The caller for the tenant of a job. */
  callerFor(job: Held): Caller;
  /** Settles a job as done inside a transaction. @throws `queue.FENCE_STALE` when it is not held any more */
  acknowledge(tx: Caller, job: Held): Promise<void>;
}

export interface Exchanged {
  readonly jobs: readonly JobRow[];
  readonly stale: readonly string[];
  readonly dueInMs: number | undefined;
}

export interface SettledJob {
  readonly jobId: string;
  readonly status: string;
}

export interface BackendOptions {
  /** The application's, for its handlers. */
  readonly caller: Caller;
  /** For the calls of the worker itself, which do not wait for handlers to give a connection back. */
  readonly own: Caller;
  /** For heartbeats alone, which wait for nothing at all. */
  readonly pulse: Caller;
  readonly queues: readonly string[];
  readonly workerId: string;
  readonly leaseMs: number;
}

const SettledRow = z.object({
  jobId: z.union([z.string(), z.bigint(), z.number()]).transform(String),
  status: z.string(),
});
const HeartbeatRow = SettledRow.extend({ status: z.enum(["held", "cancel_requested", "stale"]) });
export const Nothing = z.unknown().transform(() => undefined);
const Places = z.array(z.string());
const Anything = z.unknown();

/** The queues of one tenant. */
export function tenantBackend({
  caller,
  own,
  pulse,
  queues,
  workerId,
  leaseMs,
}: BackendOptions): Backend {
  const names = textArray(queues);
  const lease = interval(leaseMs);
  // Several workers may have the same name.
  const reporter = randomUUID();
  let canMaintainAll = true;
  return {
    namespace: caller.namespace,
    async exchange(done, limit) {
      const { jobs, stale, due_in_ms } = await own.value(
        "queue.settle_and_pull",
        {
          p_queues: names,
          p_limit: int(limit),
          p_worker_id: workerId,
          p_visibility_timeout: lease,
          p_job_ids: bigintArray(done.map(({ id }) => id)),
          p_fences: bigintArray(done.map(({ fence }) => fence)),
        },
        Exchange,
      );
      return { jobs, stale, dueInMs: due_in_ms ?? undefined };
    },
    settle: async (settlements) =>
      own.rows(
        "queue.settle_batch",
        {
          p_job_ids: bigintArray(settlements.map(({ job }) => job.id)),
          p_fences: bigintArray(settlements.map(({ job }) => job.fence)),
          p_outcomes: textArray(settlements.map(({ outcome }) => outcome)),
          p_errors: textArray(settlements.map(({ error }) => error ?? null)),
          p_delays: intervalArray(settlements.map(({ delayMs }) => delayMs ?? null)),
        },
        SettledRow,
      ),
    async heartbeat(jobs) {
      const rows = await pulse.rows(
        "queue.heartbeat_batch",
        {
          p_job_ids: bigintArray(jobs.map(({ id }) => id)),
          p_fences: bigintArray(jobs.map(({ fence }) => fence)),
          p_timeout: lease,
        },
        HeartbeatRow,
        // In time for another before the lease is over.
        { timeoutMs: leaseMs / 6 },
      );
      return new Map(rows.map(({ jobId, status }) => [jobId, status]));
    },
    report: (isWaiting) =>
      own.value(
        "queue.report_worker",
        { p_queues: names, p_worker_id: reporter, p_is_waiting: isWaiting },
        Nothing,
      ),
    forget: () => own.value("queue.forget_worker", { p_worker_id: reporter }, Nothing),
    pushesInFlight: () => own.unscoped.value("queue.pushes_in_flight", {}, Places),
    async maintain() {
      if (canMaintainAll) {
        try {
          return await lookAfterAll(own);
        } catch (error) {
          // Not given maintain, it looks after its own tenant alone.
          if (!isPostkitError(error, "core.BIZ_NOT_GRANTED")) throw error;
          canMaintainAll = false;
        }
      }
      await own.rows("queue.tick_timeouts", { p_limit: int(1_000) }, Anything);
      await own.rows("queue.tick_schedules", { p_limit: int(1_000) }, Anything);
    },
    listen: (handler) =>
      queues.map((queue) => caller.listen(channelName(caller.namespace, queue), handler)),
    callerFor: () => caller,
    acknowledge: (tx, { id, fence }) =>
      tx.value("queue.ack", { p_job_id: id, p_fence: fence }, Nothing),
  };
}

/** The same name as `queue.channel_name` gives. */
export function channelName(namespace: string, queue: string): string {
  return `q_${createHash("md5").update(`${namespace}\u001f${queue}`).digest("hex")}`;
}
