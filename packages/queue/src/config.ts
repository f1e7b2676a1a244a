import { columns, json, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import { argumentError } from "./errors.ts";
import { callOptions, optionsOf } from "./options.ts";
import { narrowed, duration } from "./parameters.ts";
import { queueName, type QueueRef } from "./queues.ts";

const number = columns.numeric.transform(Number);

/** The settings in force for a queue; durations are ISO 8601, as `PT5M`. */
export type QueueConfig = z.infer<typeof QueueConfig>;

const QueueConfig = z
  .object({
    archiveCompleted: z.boolean(),
    notify: z.enum(["always", "auto", "off"]),
    defaultVisibilityTimeoutText: columns.interval,
    defaultMaxAttempts: z.number(),
    backoffKind: z.enum(["exponential", "linear", "constant"]),
    backoffBaseText: columns.interval,
    backoffFactor: number,
    backoffMaxText: columns.interval,
    backoffJitter: number,
    retentionText: columns.interval,
    pausedAt: columns.timestamptz.nullable(),
  })
  .transform((config) => ({
    /** Whether completed jobs are kept. */
    archiveCompleted: config.archiveCompleted,
    /** Whether pushes wake workers: always, when one waits, or never. */
    notify: config.notify,
    /** How long a job is a worker's. */
    defaultVisibilityTimeout: config.defaultVisibilityTimeoutText,
    /** How often a job is tried. */
    defaultMaxAttempts: config.defaultMaxAttempts,
    backoffKind: config.backoffKind,
    backoffBase: config.backoffBaseText,
    backoffFactor: config.backoffFactor,
    backoffMax: config.backoffMaxText,
    /** The share of a delay that is left to chance, 0 to 1. */
    backoffJitter: config.backoffJitter,
    /** How long jobs that have ended are kept. */
    retention: config.retentionText,
    /** Since when no jobs are handed out. */
    pausedAt: config.pausedAt,
  }));

/** Columns that come as text: drivers do not read every style of interval. */
const intervals = ["default_visibility_timeout", "backoff_base", "backoff_max", "retention"];

/** What is to change: durations in milliseconds or ISO 8601; null to inherit again; what is left out stays. */
export interface QueueSettings {
  readonly archiveCompleted?: boolean | null | undefined;
  readonly notify?: QueueConfig["notify"] | null | undefined;
  readonly defaultVisibilityTimeout?: number | string | null | undefined;
  /** 1 to 30. */
  readonly defaultMaxAttempts?: number | null | undefined;
  readonly backoffKind?: QueueConfig["backoffKind"] | null | undefined;
  readonly backoffBase?: number | string | null | undefined;
  /** 1 to 1000. */
  readonly backoffFactor?: number | null | undefined;
  readonly backoffMax?: number | string | null | undefined;
  /** 0 to 1. */
  readonly backoffJitter?: number | null | undefined;
  readonly retention?: number | string | null | undefined;
}

export interface ConfigOptions extends CallOptions {
  /** To be left out for the settings of the namespace, which go for all its queues that have none. */
  readonly queue?: QueueRef | undefined;
}

export interface Config {
  /**
   * The settings in force for a queue: its own, else the namespace's, else those for all.
   *
   * @example
   * const { defaultMaxAttempts } = await postkit.queue.getConfig({ queue: "email" });
   *
   * @throws `queue.VAL_QUEUE_*`
   */
  getConfig(options?: ConfigOptions): Promise<QueueConfig>;
  /**
   * Changes settings of a queue, or without one of all queues of the namespace.
   *
   * @example
   * await postkit.queue.setConfig({ archiveCompleted: true, retention: "P30D" }, { queue: "email" });
   *
   * @throws `queue.VAL_CONFIG_INVALID`, `queue.VAL_QUEUE_*`; `core.VAL_ARGUMENT` for what is no duration
   */
  setConfig(settings: QueueSettings, options?: ConfigOptions): Promise<void>;
  /**
   * Stops handing out jobs of a queue; those that run go on, and pushes are taken.
   *
   * @returns whether it was running
   * @throws `queue.VAL_QUEUE_*`
   */
  pauseQueue(queue: QueueRef, options?: CallOptions): Promise<boolean>;
  /**
   * Hands out jobs of a queue again.
   *
   * @returns whether it was paused
   * @throws `queue.VAL_QUEUE_*`
   */
  resumeQueue(queue: QueueRef, options?: CallOptions): Promise<boolean>;
}

const getConfigOptions = optionsOf<ConfigOptions>("getConfig", { queue: true });
const setConfigOptions = optionsOf<ConfigOptions>("setConfig", { queue: true });

export function config(caller: Caller): Config {
  return {
    getConfig: async (given) => {
      const { queue, ...options } = narrowed(getConfigOptions(given));
      const [found] = await caller.rows(
        "queue.get_config",
        { p_queue: queueName(queue) },
        QueueConfig,
        options,
        intervals,
      );
      return found as QueueConfig;
    },
    setConfig: async (settings, given) => {
      const { queue, ...options } = narrowed(setConfigOptions(given));
      return caller.value(
        "queue.set_config",
        { p_queue: queueName(queue), p_settings: json(settingsOf(settings)) },
        z.unknown().transform(() => undefined),
        options,
      );
    },
    pauseQueue: async (queue, options) =>
      caller.value(
        "queue.pause_queue",
        { p_queue: queueName(queue) },
        z.boolean(),
        callOptions(options),
      ),
    resumeQueue: async (queue, options) =>
      caller.value(
        "queue.resume_queue",
        { p_queue: queueName(queue) },
        z.boolean(),
        callOptions(options),
      ),
  };
}

/** In the words of the SQL function, which refuses what it does not know; what is undefined has no place in JSON. */
function settingsOf(settings: QueueSettings) {
  if (typeof settings !== "object" || settings === null || Array.isArray(settings)) {
    throw argumentError("settings must be an object");
  }
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      setting(name, value),
    ]),
  );
}

const durations = new Set(["defaultVisibilityTimeout", "backoffBase", "backoffMax", "retention"]);

function setting(name: string, value: unknown): unknown {
  if (durations.has(name)) {
    return value === null ? null : duration(value as number | string | undefined)?.text;
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw argumentError(`${name} must be a finite number`);
  }
  return value;
}
