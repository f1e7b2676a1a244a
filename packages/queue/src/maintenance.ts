import { columns, date, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import { callOptions, optionsOf } from "./options.ts";
import { whole } from "./parameters.ts";
import type { TickOptions } from "./schedules.ts";

/** A job that was taken back from a worker. */
export type TimedOutJob = z.infer<typeof TimedOutJob>;

const TimedOutJob = z
  .object({ jobId: columns.bigint, queue: z.string(), stuckDurationText: columns.interval })
  .transform(({ jobId, queue, stuckDurationText }) => ({
    jobId,
    queue,
    /** How long it was held: ISO 8601, as `PT5M1.5S`. */
    stuckDuration: stuckDurationText,
  }));

/** What a call of `maintain` did. */
export type MaintenanceResult = z.infer<typeof MaintenanceResult>;

const MaintenanceResult = z.object({
  /** False when another call was or is at it, and this one did nothing. */
  isLeader: z.boolean(),
  /** Jobs that were taken back from workers. */
  timedOut: z.number(),
  /** Jobs that schedules pushed. */
  scheduled: z.number(),
  /** What went wrong in parts of it, which did not hinder the others. */
  problems: z.array(z.string()),
});

/** A day of the archive, in UTC. */
export interface ArchiveDay extends CallOptions {
  /** `2026-01-31`, from 1970 to 9999. */
  readonly day: string;
}

export interface EnsureArchiveOptions extends CallOptions {
  /** Days after today, 0 to 366. @defaultValue 7 */
  readonly daysAhead?: number | undefined;
}

export interface Maintenance {
  /**
   * Takes jobs of the tenant back from workers that have not settled them in time, those first whose time ran out first.
   * A job that has used all its attempts up becomes a dead letter, the others may be taken at once. Workers and
   * `maintain` do it for all tenants.
   *
   * @example
   * for (const { jobId, stuckDuration } of await postkit.queue.tickTimeouts()) console.log(jobId, stuckDuration);
   *
   * @throws `queue.VAL_NOT_POSITIVE`, `queue.VAL_LIMIT_TOO_LARGE`
   */
  tickTimeouts(options?: TickOptions): Promise<TimedOutJob[]>;
  /**
   * Does what has to be done every few seconds, for all tenants: takes jobs back, pushes the jobs of schedules, forgets
   * dead workers and looks after the archive. Workers call it; without them any clock may. It needs a role that was given
   * it: `postkit grant my_cron --worker`, or `--maintenance`.
   */
  maintain(options?: CallOptions): Promise<MaintenanceResult>;
  /**
   * Makes the partition of the archive for a day, for all tenants. Like all that is about partitions, it needs a role
   * that was given maintenance, `postkit grant my_cron --maintenance`, and is best called outside a transaction.
   *
   * @returns its name; null when it is there already
   * @throws `queue.VAL_DAY_OUT_OF_RANGE`; `core.VAL_ARGUMENT` for what is no day
   */
  createArchivePartition(day: ArchiveDay): Promise<string | null>;
  /**
   * Makes the partitions of the archive that are missing, from today on; `maintain` does it as well.
   *
   * @returns the names of those it made
   * @throws `queue.VAL_DAY_OUT_OF_RANGE`
   */
  ensureArchivePartitions(options?: EnsureArchiveOptions): Promise<string[]>;
  /**
   * Destroys the days of the archive that no queue of any tenant keeps any more; `maintain` does it as well.
   *
   * @returns the names of the partitions that are gone
   */
  dropArchivePartitions(options?: CallOptions): Promise<string[]>;
}

const PartitionName = z.object({ r: z.string() }).transform(({ r }) => r);

const tickOptions = optionsOf<TickOptions>("tickTimeouts", { limit: true });
const archiveDay = optionsOf<ArchiveDay>("createArchivePartition", { day: true });
const ensureOptions = optionsOf<EnsureArchiveOptions>("ensureArchivePartitions", {
  daysAhead: true,
});

export function maintenance(caller: Caller): Maintenance {
  return {
    tickTimeouts: async (given) => {
      const { limit, ...options } = tickOptions(given);
      const most = { p_limit: whole(limit) };
      return caller.rows("queue.tick_timeouts", most, TimedOutJob, options, ["stuck_duration"]);
    },
    maintain: async (options) => {
      const [result] = await caller.unscoped.rows(
        "queue.maintain",
        {},
        MaintenanceResult,
        callOptions(options),
      );
      return result as MaintenanceResult;
    },
    createArchivePartition: async (given) => {
      const { day, ...options } = archiveDay(given);
      return caller.unscoped.value(
        "queue.create_archive_partition",
        { p_day: date(day ?? null) },
        z.string().nullable(),
        options,
      );
    },
    ensureArchivePartitions: async (given) => {
      const { daysAhead, ...options } = ensureOptions(given);
      return caller.unscoped.rows(
        "queue.ensure_archive_partitions",
        { p_days_ahead: whole(daysAhead) },
        PartitionName,
        options,
      );
    },
    dropArchivePartitions: async (options) =>
      caller.unscoped.rows(
        "queue.drop_archive_partitions",
        {},
        PartitionName,
        callOptions(options),
      ),
  };
}
