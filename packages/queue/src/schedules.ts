import { columns, json, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import { tags } from "./jobs.ts";
import { argumentError } from "./errors.ts";
import { callOptions, knownKeys, optionsOf } from "./options.ts";
import { duration, flag, text, textList, texts, whole } from "./parameters.ts";
import {
  checkPayload,
  payloadParameter,
  queueName,
  type PayloadInput,
  type QueueRef,
} from "./queues.ts";

/** A schedule as a list has it. */
export type ListedSchedule = z.infer<typeof ListedSchedule>;

/** A schedule, whole. */
export type Schedule = z.infer<typeof Schedule>;

const listedColumns = z.object({
  name: z.string(),
  queue: z.string(),
  cronExpression: z.string().nullable(),
  everyIntervalText: columns.interval.nullable(),
  isActive: z.boolean(),
  /** Null while it is paused. */
  nextRunAt: columns.timestamptz.nullable(),
  lastRunAt: columns.timestamptz.nullable(),
  /** How many jobs it pushed. */
  runCount: columns.bigint,
  /** What went wrong the last time; null when nothing did. */
  lastError: z.string().nullable(),
  /** At the tenth it is paused. */
  consecutiveFailures: z.number(),
  createdAt: columns.timestamptz,
});

const ListedSchedule = listedColumns.transform(withInterval);

const Schedule = listedColumns
  .extend({
    id: columns.bigint,
    payload: z.unknown(),
    priority: z.number(),
    maxAttempts: z.number(),
    tags,
    metadata: z.unknown(),
    cronTimezone: z.string().nullable(),
    catchUp: z.enum(["none", "one", "all"]),
    catchUpMax: z.number(),
    overlap: z.enum(["allow", "skip"]),
    lastJobId: columns.bigint.nullable(),
    updatedAt: columns.timestamptz,
  })
  .transform(withInterval);

function withInterval<S extends { everyIntervalText: string | null }>({
  everyIntervalText,
  ...schedule
}: S) {
  return {
    ...schedule,
    /** ISO 8601, as `PT5M`. */
    everyInterval: everyIntervalText,
  };
}

/** Columns that come as text: drivers do not read every style of interval. */
const intervals = ["every_interval"];

/** When a schedule runs and what it pushes, as it is made: a cron expression or an interval, not both. */
export interface ScheduleDefinition<Q extends QueueRef = QueueRef> {
  readonly queue: Q;
  readonly payload: PayloadInput<Q>;
  /** Five fields, names and lists as in cron, or `@daily` and its like. */
  readonly cronExpression?: string | undefined;
  /** A name as `Europe/Berlin`. @defaultValue `UTC` */
  readonly cronTimezone?: string | undefined;
  /** Milliseconds, or ISO 8601 as `P1M`; first after that time. */
  readonly everyInterval?: number | string | undefined;
  /** -1000 to 1000, higher ones run first. @defaultValue 0, or that of a typed queue */
  readonly priority?: number | undefined;
  /** 1 to 30. @defaultValue 3, or that of a typed queue */
  readonly maxAttempts?: number | undefined;
  readonly tags?: readonly string[] | undefined;
  /** An object; jobs get it with the schedule's name and the planned time. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** False to make it paused. @defaultValue true */
  readonly isActive?: boolean | undefined;
  /**
   * After a time without ticks: `one` run for all that were missed; `none`, unless it is less than a minute late; or
   * `all` of them, the last `catchUpMax`. @defaultValue `one`
   */
  readonly catchUp?: "none" | "one" | "all" | undefined;
  /** 1 to 1000. @defaultValue 100 */
  readonly catchUpMax?: number | undefined;
  /** `skip` for no run while the job of the last one waits or runs. @defaultValue `allow` */
  readonly overlap?: "allow" | "skip" | undefined;
}

/** What of a schedule is to change; what is left out stays. A cron expression takes the place of an interval. */
export type ScheduleChanges<Q extends QueueRef = QueueRef> = Partial<
  Omit<ScheduleDefinition<Q>, "isActive" | "metadata">
> & { readonly metadata?: Readonly<Record<string, unknown>> | null | undefined };

export interface SchedulesQuery extends CallOptions {
  /** Only those of this queue. */
  readonly queue?: QueueRef | undefined;
  /** Only active ones, or only paused ones. */
  readonly isActive?: boolean | undefined;
  /** On the page, 1 to 1000. @defaultValue 100 */
  readonly limit?: number | undefined;
  /** The name of the last one of the page before. */
  readonly cursor?: string | undefined;
}

export interface TickOptions extends CallOptions {
  /** The most, 1 to 1000. @defaultValue 100 */
  readonly limit?: number | undefined;
}

/** A job that a schedule pushed. */
export type ScheduledJob = z.infer<typeof ScheduledJob>;

const ScheduledJob = z.object({
  scheduleName: z.string(),
  jobId: columns.bigint,
  nextRunAt: columns.timestamptz.nullable(),
});

export interface Schedules {
  /**
   * Makes a schedule: a job that is pushed again and again. Workers, `maintain` or `tickSchedules` push its jobs when
   * their time has come.
   *
   * @example
   * await postkit.queue.createSchedule("digest", {
   *   queue: "email",
   *   payload: { template: "digest" },
   *   cronExpression: "0 7 * * mon-fri",
   *   cronTimezone: "Europe/Berlin",
   * });
   *
   * @returns its id
   * @throws `queue.BIZ_SCHEDULE_DUPLICATE`, `queue.BIZ_SCHEDULE_REQUIRES_SCHEDULE`,
   * `queue.BIZ_SCHEDULE_CRON_AND_INTERVAL`
   * @throws `queue.VAL_SCHEDULE_NAME_*`, `queue.VAL_QUEUE_*`, `queue.VAL_CRON_*`, `queue.VAL_TIMEZONE_UNKNOWN`,
   * `queue.VAL_INTERVAL_NOT_POSITIVE`, `queue.VAL_INTERVAL_TOO_LARGE`, `queue.VAL_POLICY_UNKNOWN`,
   * `queue.VAL_CATCH_UP_MAX_RANGE`, `queue.VAL_PAYLOAD_NULL`, `queue.VAL_PAYLOAD_INVALID`, `queue.VAL_PRIORITY_RANGE`,
   * `queue.VAL_MAX_ATTEMPTS_RANGE`
   */
  createSchedule<Q extends QueueRef>(
    name: string,
    definition: ScheduleDefinition<Q>,
    options?: CallOptions,
  ): Promise<string>;
  /**
   * Makes a schedule, or changes the one of that name into this: for every start of an application. What is left out goes
   * back to its default. When its next run is, changes only when the timing does; one that is paused stays paused.
   *
   * @example
   * await postkit.queue.upsertSchedule("sweep", { queue: "sweep", payload: {}, everyInterval: "PT5M" });
   *
   * @returns its id
   * @throws as {@link Schedules.createSchedule}, but `BIZ_SCHEDULE_DUPLICATE`
   */
  upsertSchedule<Q extends QueueRef>(
    name: string,
    definition: ScheduleDefinition<Q>,
    options?: CallOptions,
  ): Promise<string>;
  /**
   * Changes some of a schedule. A payload is checked where its typed queue is given with it.
   *
   * @returns whether there is such a schedule
   * @throws as {@link Schedules.createSchedule}, but `BIZ_SCHEDULE_DUPLICATE`; `queue.VAL_CHANGES_INVALID`
   */
  updateSchedule<Q extends QueueRef>(
    name: string,
    changes: ScheduleChanges<Q>,
    options?: CallOptions,
  ): Promise<boolean>;
  /**
   * One schedule; null when there is none of that name.
   *
   * @throws `queue.VAL_SCHEDULE_NAME_*`
   */
  getSchedule(name: string, options?: CallOptions): Promise<Schedule | null>;
  /**
   * A page of the schedules, in the order of their names.
   *
   * @throws `queue.VAL_NOT_POSITIVE`, `queue.VAL_LIMIT_TOO_LARGE`; `core.VAL_ARGUMENT` for a `limit` that is not whole
   */
  listSchedules(query?: SchedulesQuery): Promise<ListedSchedule[]>;
  /**
   * All of them, one after the other, over as many pages of `limit` as it takes. Each page is a call of its own and sees
   * the schedules of its time.
   *
   * @throws as {@link Schedules.listSchedules}, when the first page is asked for
   */
  iterateSchedules(query?: SchedulesQuery): AsyncGenerator<ListedSchedule, void, undefined>;
  /**
   * Stops a schedule until it is resumed.
   *
   * @returns whether there is one of that name that was active
   * @throws `queue.VAL_SCHEDULE_NAME_*`
   */
  pauseSchedule(name: string, options?: CallOptions): Promise<boolean>;
  /**
   * Lets a schedule run again, from now on: what it missed meanwhile is not made up.
   *
   * @returns whether there is one of that name that was paused
   * @throws `queue.VAL_SCHEDULE_NAME_*`
   */
  resumeSchedule(name: string, options?: CallOptions): Promise<boolean>;
  /**
   * Ends a schedule for good; jobs that it pushed stay.
   *
   * @returns whether there was one of that name
   * @throws `queue.VAL_SCHEDULE_NAME_*`
   */
  deleteSchedule(name: string, options?: CallOptions): Promise<boolean>;
  /**
   * Pushes the jobs of the tenant's schedules whose time has come. Workers and `maintain` do it for all tenants; several
   * may at once, and no run is pushed twice.
   *
   * @returns the jobs
   * @throws `queue.VAL_NOT_POSITIVE`, `queue.VAL_LIMIT_TOO_LARGE`
   */
  tickSchedules(options?: TickOptions): Promise<ScheduledJob[]>;
}

const schedulesQuery = optionsOf<SchedulesQuery>("listSchedules", {
  queue: true,
  isActive: true,
  limit: true,
  cursor: true,
});
const tickOptions = optionsOf<TickOptions>("tickSchedules", { limit: true });
const knownDefinition = knownKeys<ScheduleDefinition>("a schedule", {
  queue: true,
  payload: true,
  cronExpression: true,
  cronTimezone: true,
  everyInterval: true,
  priority: true,
  maxAttempts: true,
  tags: true,
  metadata: true,
  isActive: true,
  catchUp: true,
  catchUpMax: true,
  overlap: true,
});

export function schedules(caller: Caller): Schedules {
  const listSchedules: Schedules["listSchedules"] = async (given) => {
    const { queue, isActive, limit, cursor, ...options } = schedulesQuery(given);
    return caller.rows(
      "queue.list_schedules",
      {
        p_queue: queueName(queue),
        p_is_active: flag(isActive, "isActive"),
        p_limit: whole(limit),
        p_cursor: text(cursor, "cursor"),
      },
      ListedSchedule,
      options,
      intervals,
    );
  };
  return {
    createSchedule: async (name, definition, options) =>
      caller.value(
        "queue.create_schedule",
        scheduleArguments(name, definition),
        columns.bigint,
        callOptions(options),
      ),
    upsertSchedule: async (name, definition, options) =>
      caller.value(
        "queue.upsert_schedule",
        scheduleArguments(name, definition),
        columns.bigint,
        callOptions(options),
      ),
    updateSchedule: async (name, changes, options) =>
      caller.value(
        "queue.update_schedule",
        { ...nameArgument(name), p_changes: json(changesOf(changes)) },
        z.boolean(),
        callOptions(options),
      ),
    getSchedule: async (name, options) => {
      const [schedule] = await caller.rows(
        "queue.get_schedule",
        nameArgument(name),
        Schedule,
        callOptions(options),
        intervals,
      );
      return schedule ?? null;
    },
    listSchedules,
    async *iterateSchedules(given) {
      const { limit = 100, cursor, ...query } = schedulesQuery(given);
      for (let last = cursor; ;) {
        const page = await listSchedules({ ...query, limit, cursor: last });
        yield* page;
        if (page.length < limit) return;
        last = page.at(-1)?.name;
      }
    },
    pauseSchedule: async (name, options) =>
      caller.value("queue.pause_schedule", nameArgument(name), z.boolean(), callOptions(options)),
    resumeSchedule: async (name, options) =>
      caller.value("queue.resume_schedule", nameArgument(name), z.boolean(), callOptions(options)),
    deleteSchedule: async (name, options) =>
      caller.value("queue.delete_schedule", nameArgument(name), z.boolean(), callOptions(options)),
    tickSchedules: async (given) => {
      const { limit, ...options } = tickOptions(given);
      return caller.rows("queue.tick_schedules", { p_limit: whole(limit) }, ScheduledJob, options);
    },
  };
}

/** None is refused by the database. */
function nameArgument(name: string) {
  return { p_name: text(name, "name") ?? null };
}

function scheduleArguments(name: string, definition: ScheduleDefinition) {
  const { queue, payload, metadata } = knownDefinition(definition);
  if (metadata !== undefined) assertObject(metadata, "the metadata of a schedule");
  const defaults = typeof queue === "object" ? (queue?.defaults ?? {}) : {};
  return {
    ...nameArgument(name),
    p_queue: queueName(queue),
    p_payload: payloadParameter(queue, payload),
    p_cron_expression: text(definition.cronExpression, "cronExpression"),
    p_cron_timezone: text(definition.cronTimezone, "cronTimezone"),
    p_every_interval: duration(definition.everyInterval),
    p_priority: whole(definition.priority ?? defaults.priority),
    p_max_attempts: whole(definition.maxAttempts ?? defaults.maxAttempts),
    p_tags: texts(definition.tags ?? defaults.tags),
    p_is_active: flag(definition.isActive, "isActive"),
    p_catch_up: text(definition.catchUp, "catchUp"),
    p_catch_up_max: whole(definition.catchUpMax),
    p_overlap: text(definition.overlap, "overlap"),
    p_metadata: metadata === undefined ? undefined : json(metadata),
  };
}

/** In the words of the SQL function, which refuses what it does not know; what is undefined has no place in JSON. */
function changesOf(changes: ScheduleChanges) {
  assertObject(changes, "the changes of a schedule");
  const {
    queue,
    payload,
    priority,
    maxAttempts,
    tags,
    cronExpression,
    cronTimezone,
    everyInterval,
    catchUp,
    catchUpMax,
    overlap,
    metadata,
    ...more
  } = changes;
  if (queue !== undefined) checkPayload(queue, payload);
  if (metadata !== undefined && metadata !== null) {
    assertObject(metadata, "the metadata of a schedule");
  }
  return {
    ...more,
    metadata,
    queue: queue === undefined ? undefined : queueName(queue),
    payload,
    priority: whole(priority)?.text,
    max_attempts: whole(maxAttempts)?.text,
    tags: textList(tags, "tags"),
    cron_expression: text(cronExpression, "cronExpression"),
    cron_timezone: text(cronTimezone, "cronTimezone"),
    every_interval: duration(everyInterval)?.text,
    catch_up: text(catchUp, "catchUp"),
    catch_up_max: whole(catchUpMax)?.text,
    overlap: text(overlap, "overlap"),
  };
}

function assertObject(value: unknown, what: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw argumentError(`${what} must be an object`);
  }
}
