export { queue } from "./module.ts";
export type { QueueClient, TransactionQueueClient } from "./client.ts";
export { isFenceStale, queueErrors, type QueueErrorCode } from "./errors.ts";
export {
  defineQueue,
  type PayloadInput,
  type PayloadOutput,
  type PayloadSchema,
  type QueueDefaults,
  type QueueRef,
  type TypedQueue,
} from "./queues.ts";
export type {
  Job,
  JobOptions,
  JobsQuery,
  JobStatus,
  NewJob,
  PulledJob,
  PushBatchOptions,
  PushOptions,
} from "./jobs.ts";
export type {
  FailOptions,
  HeldJob,
  JobRef,
  NackOptions,
  PullBatchOptions,
  PullOptions,
  ReleaseOptions,
  SettledJob,
  Settlement,
} from "./leases.ts";
export type {
  DeadLetter,
  DeadLettersQuery,
  PurgeOptions,
  RetryManyOptions,
  RetryOptions,
} from "./dead-letters.ts";
export type {
  ListedSchedule,
  Schedule,
  ScheduleChanges,
  ScheduledJob,
  ScheduleDefinition,
  SchedulesQuery,
  TickOptions,
} from "./schedules.ts";
export type { ConfigOptions, QueueConfig, QueueSettings } from "./config.ts";
export type { QueueStats, QueueStatsQuery, Stats } from "./stats.ts";
export type {
  ArchiveDay,
  EnsureArchiveOptions,
  MaintenanceResult,
  TimedOutJob,
} from "./maintenance.ts";
export type { EndedJob, WaitFor, WaitForOptions } from "./wait-for.ts";
export type { Work, WorkOptions } from "./worker/work.ts";
export type { DeadHook, ErrorHook } from "./worker/hooks.ts";
export type { Worker } from "./worker/worker.ts";
export type { WorkerJob } from "./worker/job.ts";
export type { JobContext, JobHandler } from "./worker/run-job.ts";
export { JobAbortedError, RetryLaterError, UnrecoverableError } from "./worker/outcomes.ts";
