import { bigintArray, int, interval, textArray } from "@postkit/core";
import {
  channelName,
  Nothing,
  tenantBackend,
  type Backend,
  type BackendOptions,
  type SettledJob,
} from "./backend.ts";
import { Exchange, type Held } from "./job.ts";
import { lookAfterAll } from "./upkeep.ts";

/** The queues of all tenants, for a role that was granted worker: a share of each tenant's jobs in turn. */
export function globalBackend(options: BackendOptions): Backend {
  const { caller, own, pulse, queues, workerId, leaseMs } = options;
  const names = textArray(queues);
  const lease = interval(leaseMs);
  const ofTenant = (namespace: string) =>
    tenantBackend({
      ...options,
      caller: caller.withNamespace(namespace),
      own: own.withNamespace(namespace),
      pulse: pulse.withNamespace(namespace),
    });
  const report = (isWaiting: boolean | null) =>
    own.unscoped.value(
      "queue.report_global_worker",
      { p_queues: names, p_worker_id: workerId, p_is_waiting: isWaiting },
      Nothing,
    );
  let servedLast: string | null = null;
  return {
    ...tenantBackend(options),
    async exchange(done, limit) {
      const { jobs, stale, due_in_ms } = await own.unscoped.value(
        "queue.exchange_global",
        {
          p_queues: names,
          p_limit: int(limit),
          p_worker_id: workerId,
          p_visibility_timeout: lease,
          p_after: servedLast,
          p_namespaces: textArray(done.map(({ namespace }) => namespace)),
          p_job_ids: bigintArray(done.map(({ id }) => id)),
          p_fences: bigintArray(done.map(({ fence }) => fence)),
        },
        Exchange,
      );
      servedLast = jobs.at(-1)?.namespace ?? servedLast;
      return { jobs, stale, dueInMs: due_in_ms ?? undefined };
    },
    async settle(settlements) {
      const settled: SettledJob[] = [];
      for (const [namespace, some] of byNamespace(settlements, ({ job }) => job)) {
        try {
          settled.push(...(await ofTenant(namespace).settle(some)));
        } catch (error) {
          // The answers that are there are not lost; the rest is told again.
          if (settled.length === 0) throw error;
          break;
        }
      }
      return settled;
    },
    async heartbeat(jobs) {
      const statuses = new Map();
      for (const [namespace, some] of byNamespace(jobs, (job) => job)) {
        for (const [id, status] of await ofTenant(namespace).heartbeat(some)) {
          statuses.set(id, status);
        }
      }
      return statuses;
    },
    report,
    forget: () => report(null),
    maintain: () => lookAfterAll(own),
    listen: (handler) => queues.map((queue) => caller.listen(channelName("", queue), handler)),
    callerFor: ({ namespace }) => caller.withNamespace(namespace),
  };
}

function byNamespace<T>(items: readonly T[], heldOf: (item: T) => Held): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const { namespace } = heldOf(item);
    const group = groups.get(namespace);
    if (group === undefined) groups.set(namespace, [item]);
    else group.push(item);
  }
  return groups;
}
