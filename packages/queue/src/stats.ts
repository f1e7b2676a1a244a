import { columns, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import { callOptions, optionsOf } from "./options.ts";
import { queueName, type QueueRef } from "./queues.ts";

/** How many jobs a tenant has; counts as text, since they may pass 2^53. */
export type Stats = z.infer<typeof Stats>;

const Stats = z.object({
  totalJobs: columns.bigint,
  pending: columns.bigint,
  running: columns.bigint,
  /** Where completed jobs are kept, until their retention ends. */
  completed: columns.bigint,
  dead: columns.bigint,
  totalQueues: columns.bigint,
});

/** How many jobs a queue has, as text, and whether it hands them out. */
export type QueueStats = z.infer<typeof QueueStats>;

const QueueStats = z.object({
  queue: z.string(),
  pending: columns.bigint,
  running: columns.bigint,
  completed: columns.bigint,
  dead: columns.bigint,
  /** How long the oldest one waits; below 0 where all are delayed, null where none waits. */
  oldestPendingSeconds: columns.numeric.transform(Number).nullable(),
  /** Those that were not retried. */
  deadLetters: columns.bigint,
  /** By itself, or with all queues of the tenant. */
  isPaused: z.boolean(),
});

export interface QueueStatsQuery extends CallOptions {
  /** Only this queue. */
  readonly queue?: QueueRef | undefined;
}

export interface Statistics {
  /**
   * How many jobs the tenant has, by state. They are counted: on a million jobs that takes a moment.
   *
   * @example
   * const { pending, running } = await postkit.queue.getStats();
   */
  getStats(options?: CallOptions): Promise<Stats>;
  /**
   * How many jobs and dead letters each queue has that has any or is paused, in the order of names. They are counted as
   * for {@link Statistics.getStats}.
   *
   * @example
   * const [email] = await postkit.queue.getQueueStats({ queue: "email" });
   * if (email?.isPaused) console.log(`paused, with ${email.pending} jobs`);
   */
  getQueueStats(query?: QueueStatsQuery): Promise<QueueStats[]>;
}

const queueStatsOptions = optionsOf<QueueStatsQuery>("getQueueStats", { queue: true });

export function statistics(caller: Caller): Statistics {
  return {
    getStats: async (options) => {
      const [stats] = await caller.rows("queue.get_stats", {}, Stats, callOptions(options));
      return stats as Stats;
    },
    getQueueStats: async (given) => {
      const { queue, ...options } = queueStatsOptions(given);
      const named = { p_queue: queueName(queue) };
      return caller.rows("queue.get_queue_stats", named, QueueStats, options);
    },
  };
}
