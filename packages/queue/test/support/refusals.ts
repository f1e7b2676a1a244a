import type {
  JobRef,
  NewJob,
  QueueClient,
  QueueErrorCode,
  ScheduleChanges,
  ScheduleDefinition,
  Settlement,
} from "@postkit/queue";

import type { NamedArguments } from "./session.ts";

/** One thing that queue refuses, through SQL and, where the client can say the same, through the client. */
export interface RefusalCase {
  readonly title: string;
  readonly name: FunctionName;
  readonly args: NamedArguments;
  readonly code: QueueErrorCode;
  readonly sqlstate: string;
  /** What the message says, the field's name above all. */
  readonly message: RegExp;
  /** @defaultValue `acme` */
  readonly tenant?: string | null;
  /** Why there is no such case for the client. */
  readonly onlySql?: string;
  /** Whose call it is. @defaultValue the application's */
  readonly role?: "owner";
}

export type FunctionName = keyof typeof functions;

type FieldKind = "namespace" | "queue" | "name";

/** A name that is validated; `?` for one that may be null. */
type Field = readonly [name: string, kind: FieldKind, isOptional?: "?"];

interface FunctionShape {
  /** A call that is accepted as far as its arguments go. */
  readonly valid: NamedArguments;
  /** Names that are validated, in this order, by the name after `p_`. */
  readonly fields: readonly Field[];
  /** It reads: of the namespace no more than null is refused. */
  readonly isRead?: true;
  /** It writes new rows: a tenant has to be set, and to be the namespace. */
  readonly needsTenant?: true;
  readonly method?: (client: QueueClient, args: NamedArguments) => Promise<unknown>;
}

const namespace = ["namespace", "namespace"] as const;
const queueField = ["queue", "queue"] as const;
const nameField = ["name", "name"] as const;
const job = { p_job_id: "1", p_fence: "1" };
const jobs = { p_job_ids: ["1", "2"], p_fences: ["1", "2"] };
const schedule = { p_name: "new", p_queue: "q", p_payload: "{}", p_every_interval: "PT1H" };

const functions = {
  push: {
    valid: { p_queue: "q", p_payload: "{}" },
    fields: [namespace, queueField],
    needsTenant: true,
    method: (client, args) =>
      client.push(text(args.p_queue), payload(args.p_payload), jobOptions(args)),
  },
  push_batch: {
    valid: { p_queue: "q", p_payloads: ["{}"] },
    fields: [namespace, queueField],
    needsTenant: true,
    method: (client, args) =>
      client.pushBatch(text(args.p_queue), texts(args.p_payloads).map(payload), jobOptions(args)),
  },
  push_many: {
    valid: { p_jobs: '[{"queue": "q", "payload": {}}]' },
    fields: [namespace],
    needsTenant: true,
    method: (client, args) => client.pushMany(newJobs(text(args.p_jobs))),
  },
  pull: {
    valid: { p_queue: "q" },
    fields: [namespace, queueField],
    method: (client, args) =>
      client.pull(text(args.p_queue), { visibilityTimeoutMs: number(args.p_visibility_timeout) }),
  },
  pull_batch: {
    valid: { p_queue: "q" },
    fields: [namespace, queueField],
    method: (client, args) =>
      client.pullBatch(text(args.p_queue), {
        limit: number(args.p_limit),
        visibilityTimeoutMs: number(args.p_visibility_timeout),
      }),
  },
  pull_any: {
    valid: { p_queues: ["q"] },
    fields: [namespace],
    method: (client, args) =>
      client.pullAny(texts(args.p_queues), {
        visibilityTimeoutMs: number(args.p_visibility_timeout),
      }),
  },
  settle_and_pull: { valid: { p_queues: ["q"], p_limit: 1, ...jobs }, fields: [namespace] },
  extend_visibility: {
    valid: { ...job, p_extension: "PT1M" },
    fields: [namespace],
    method: (client, args) => client.extendVisibility(jobRef(args), number(args.p_extension)),
  },
  ack: {
    valid: job,
    fields: [namespace],
    method: (client, args) => client.ack(jobRef(args)),
  },
  ack_batch: {
    valid: jobs,
    fields: [namespace],
    method: (client, args) => client.ackBatch(jobRefs(args)),
  },
  nack: {
    valid: job,
    fields: [namespace],
    method: (client, args) => client.nack(jobRef(args), { backoffMs: number(args.p_backoff) }),
  },
  fail: {
    valid: job,
    fields: [namespace],
    method: (client, args) => client.fail(jobRef(args)),
  },
  release: {
    valid: job,
    fields: [namespace],
    method: (client, args) => client.release(jobRef(args)),
  },
  heartbeat_batch: {
    valid: { ...jobs, p_timeout: "PT1M" },
    fields: [namespace],
    method: (client, args) => client.heartbeat(jobRefs(args), number(args.p_timeout)),
  },
  settle_batch: {
    valid: { ...jobs, p_outcomes: ["ack", "nack"] },
    fields: [namespace],
    method: (client, args) => client.settle(settlements(args)),
  },
  cancel: {
    valid: { p_job_id: "1" },
    fields: [namespace],
    method: (client, args) => client.cancel(text(args.p_job_id)),
  },
  request_cancel: {
    valid: { p_job_id: "1" },
    fields: [namespace],
    method: (client, args) => client.requestCancel(text(args.p_job_id)),
  },
  purge_queue: {
    valid: { p_queue: "empty" },
    fields: [namespace, queueField],
    method: (client, args) => client.purgeQueue(text(args.p_queue)),
  },
  get_job: {
    valid: { p_job_id: "1" },
    fields: [namespace],
    isRead: true,
    method: (client, args) => client.getJob(text(args.p_job_id)),
  },
  list_jobs: {
    valid: {},
    fields: [namespace],
    isRead: true,
    method: (client, args) =>
      client.listJobs({ status: args.p_status as "dead", limit: number(args.p_limit) }),
  },
  get_stats: {
    valid: {},
    fields: [namespace],
    isRead: true,
    method: (client) => client.getStats(),
  },
  get_queue_stats: {
    valid: {},
    fields: [namespace],
    isRead: true,
    method: (client) => client.getQueueStats(),
  },
  create_schedule: {
    valid: schedule,
    fields: [namespace, nameField, queueField],
    needsTenant: true,
    method: (client, args) => client.createSchedule(text(args.p_name), definition(args)),
  },
  upsert_schedule: {
    valid: schedule,
    fields: [namespace, nameField, queueField],
    needsTenant: true,
    method: (client, args) => client.upsertSchedule(text(args.p_name), definition(args)),
  },
  update_schedule: {
    valid: { p_name: "s", p_changes: "{}" },
    fields: [namespace, nameField],
    method: (client, args) =>
      client.updateSchedule(text(args.p_name), changes(text(args.p_changes))),
  },
  get_schedule: {
    valid: { p_name: "s" },
    fields: [namespace, nameField],
    isRead: true,
    method: (client, args) => client.getSchedule(text(args.p_name)),
  },
  list_schedules: {
    valid: {},
    fields: [namespace],
    isRead: true,
    method: (client, args) => client.listSchedules({ limit: number(args.p_limit) }),
  },
  delete_schedule: {
    valid: { p_name: "none" },
    fields: [namespace, nameField],
    method: (client, args) => client.deleteSchedule(text(args.p_name)),
  },
  pause_schedule: {
    valid: { p_name: "none" },
    fields: [namespace, nameField],
    method: (client, args) => client.pauseSchedule(text(args.p_name)),
  },
  resume_schedule: {
    valid: { p_name: "none" },
    fields: [namespace, nameField],
    method: (client, args) => client.resumeSchedule(text(args.p_name)),
  },
  tick_schedules: {
    valid: {},
    fields: [["namespace", "namespace", "?"]],
    method: (client, args) => client.tickSchedules({ limit: number(args.p_limit) }),
  },
  tick_timeouts: {
    valid: {},
    fields: [["namespace", "namespace", "?"]],
    method: (client, args) => client.tickTimeouts({ limit: number(args.p_limit) }),
  },
  list_dead_letters: {
    valid: {},
    fields: [namespace],
    isRead: true,
    method: (client, args) => client.listDeadLetters({ limit: number(args.p_limit) }),
  },
  retry_dead_letter: {
    valid: { p_dead_letter_id: "1" },
    fields: [namespace, ["queue", "queue", "?"]],
    method: (client, args) =>
      client.retryDeadLetter(text(args.p_dead_letter_id), { queue: args.p_queue as string }),
  },
  retry_dead_letters: {
    valid: { p_queue: "empty" },
    fields: [namespace, queueField],
    method: (client, args) =>
      client.retryDeadLetters(text(args.p_queue), { limit: number(args.p_limit) }),
  },
  purge_dead_letters: {
    valid: {},
    fields: [namespace, ["queue", "queue", "?"]],
    method: (client, args) =>
      client.purgeDeadLetters({ ...ofQueue(args), olderThan: number(args.p_older_than) }),
  },
  get_config: {
    valid: {},
    fields: [namespace, ["queue", "queue", "?"]],
    isRead: true,
    method: (client, args) => client.getConfig(ofQueue(args)),
  },
  set_config: {
    valid: { p_queue: null, p_settings: "{}" },
    fields: [namespace, ["queue", "queue", "?"]],
    needsTenant: true,
    method: (client, args) => client.setConfig(settings(text(args.p_settings)), ofQueue(args)),
  },
  pause_queue: {
    valid: { p_queue: "q" },
    fields: [namespace, queueField],
    needsTenant: true,
    method: (client, args) => client.pauseQueue(text(args.p_queue)),
  },
  resume_queue: {
    valid: { p_queue: "q" },
    fields: [namespace, queueField],
    needsTenant: true,
    method: (client, args) => client.resumeQueue(text(args.p_queue)),
  },
  report_worker: {
    valid: { p_queues: ["q"], p_worker_id: "w", p_is_waiting: true },
    fields: [namespace],
    needsTenant: true,
  },
  forget_worker: { valid: { p_worker_id: "w" }, fields: [namespace] },
  next_due: { valid: { p_queues: ["q"] }, fields: [namespace] },
  set_tenant: { valid: { p_tenant_id: "acme" }, fields: [] },
  create_archive_partition: {
    valid: { p_day: "2031-01-01" },
    fields: [],
    method: (client, args) => client.createArchivePartition({ day: text(args.p_day) }),
  },
  ensure_archive_partitions: {
    valid: { p_days_ahead: 0 },
    fields: [],
    method: (client, args) =>
      client.ensureArchivePartitions({ daysAhead: number(args.p_days_ahead) }),
  },
} satisfies Record<string, FunctionShape>;

/** What each function takes. */
export const shapes: Readonly<Record<FunctionName, FunctionShape>> = functions;

/** What is there before anything is refused. */
export const groundwork = `
  select queue.create_schedule('acme', 's', 'q', '{}', '0 0 1 1 *');
  select queue.push('acme', 'letters', '{}'), queue.push('acme', 'letters', '{}');
  select queue.fail('acme', p.id, p.fence_token) from queue.pull_batch('acme', 'letters', 2) p;
  select queue.retry_dead_letter('acme', 1);`;

const kinds = {
  namespace: { prefix: "VAL_NAMESPACE", lengthMax: 1024 },
  queue: { prefix: "VAL_QUEUE", lengthMax: 256 },
  name: { prefix: "VAL_SCHEDULE_NAME", lengthMax: 256 },
} as const;

/** Values that no name has, with the end of the code, the SQLSTATE and the words of the message. */
function badNames(
  kind: FieldKind,
): [what: string, value: string | null, code: string, sqlstate: string, words: string][] {
  const { lengthMax } = kinds[kind];
  return [
    ["null", null, "NULL", "22004", "is null"],
    ["empty", "", "EMPTY", "22026", "is empty"],
    ["blank", "   ", "EMPTY", "22026", "is empty"],
    [
      `of ${lengthMax + 1} characters`,
      "x".repeat(lengthMax + 1),
      "TOO_LONG",
      "22001",
      `is longer than ${lengthMax} characters`,
    ],
    ...["\u0001", "\n", "\u007f", "\u0085", "\u2028", "\u2029"].map(
      (character): [string, string, string, string, string] => [
        `with U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")} inside`,
        `a${character}b`,
        "INVALID_CHARS",
        "22023",
        "contains a control character",
      ],
    ),
    ["with a space in front", " a", "WHITESPACE", "22023", "begins or ends with a space"],
    ["with a space behind", "a ", "WHITESPACE", "22023", "begins or ends with a space"],
  ];
}

function fieldCases(): RefusalCase[] {
  return names().flatMap((name) =>
    shapes[name].fields.flatMap(([field, kind, isOptional]): RefusalCase[] =>
      badNames(kind)
        .filter(([, value]) => value !== null || isOptional === undefined)
        .filter(([, value]) => value === null || kind !== "namespace" || !shapes[name].isRead)
        .map(([what, value, end, sqlstate, words]) => ({
          title: `${name}: a ${field} that is ${what}`,
          name,
          args: { p_namespace: "acme", ...shapes[name].valid, [`p_${field}`]: value },
          code: `${kinds[kind].prefix}_${end}` as QueueErrorCode,
          sqlstate,
          message: new RegExp(`^${field} ${words}`),
          ...(kind === "namespace" && {
            onlySql: "a client is bound to a namespace that it checks",
          }),
        })),
    ),
  );
}

function tenantNameCases(): RefusalCase[] {
  return badNames("namespace").map(([what, value, end, sqlstate, words]) => ({
    title: `set_tenant: a tenant that is ${what}`,
    name: "set_tenant",
    args: { p_tenant_id: value },
    code: `VAL_NAMESPACE_${end}` as QueueErrorCode,
    sqlstate,
    message: new RegExp(`^namespace ${words}`),
  }));
}

function tenantCases(): RefusalCase[] {
  const onlySql = "a client sets the tenant that it asks for";
  return names()
    .filter((name) => shapes[name].needsTenant)
    .flatMap((name): RefusalCase[] => [
      {
        ...refuse(name, "no tenant", {}, "BIZ_TENANT_NOT_SET", /^no tenant is set/, "42501"),
        tenant: null,
        onlySql,
      },
      {
        ...refuse(name, "another tenant", {}, "BIZ_TENANT_MISMATCH", /^namespace is not/, "42501"),
        tenant: "globex",
        onlySql,
      },
    ]);
}

/** A call that is valid but for what is said. */
function refuse(
  name: FunctionName,
  what: string,
  args: NamedArguments,
  code: QueueErrorCode,
  message: RegExp,
  sqlstate = "22023",
  more: Partial<RefusalCase> = {},
): RefusalCase {
  const scope = name.includes("archive") || name === "set_tenant" ? {} : { p_namespace: "acme" };
  return {
    title: `${name}: ${what}`,
    name,
    args: { ...scope, ...shapes[name].valid, ...args },
    code,
    sqlstate,
    message,
    ...more,
  };
}

function pushCases(): RefusalCase[] {
  const long = Array.from({ length: 600 }, (_, index) => String.fromCodePoint(0x4e00 + index)).join(
    "",
  );
  const each = (["push", "push_batch"] as const).flatMap((name) => [
    refuse(
      name,
      "a priority of 1001",
      { p_priority: 1001 },
      "VAL_PRIORITY_RANGE",
      /^priority is 1001/,
    ),
    refuse(
      name,
      "a priority of -1001",
      { p_priority: -1001 },
      "VAL_PRIORITY_RANGE",
      /^priority is -1001/,
    ),
    refuse(
      name,
      "no attempts",
      { p_max_attempts: 0 },
      "VAL_MAX_ATTEMPTS_RANGE",
      /^max_attempts is 0/,
    ),
    refuse(
      name,
      "31 attempts",
      { p_max_attempts: 31 },
      "VAL_MAX_ATTEMPTS_RANGE",
      /^max_attempts is 31/,
    ),
  ]);
  const many = (
    what: string,
    options: object,
    code: QueueErrorCode,
    message: RegExp,
    sqlstate?: string,
    more?: Partial<RefusalCase>,
  ) =>
    refuse(
      "push_many",
      what,
      {
        p_jobs: JSON.stringify([
          { queue: "q", payload: {} },
          { queue: "q", payload: {}, ...options },
        ]),
      },
      code,
      message,
      sqlstate,
      more,
    );
  const onlySql = "a client sends no such thing";
  return [
    ...each,
    refuse(
      "push",
      "no payload",
      { p_payload: null },
      "VAL_PAYLOAD_NULL",
      /^payload is null/,
      "22004",
      {
        onlySql: "to a client null is a payload",
      },
    ),
    refuse(
      "push_batch",
      "a payload that is null",
      { p_payloads: ["{}", null] },
      "VAL_PAYLOAD_NULL",
      /^payload is null/,
      "22004",
      {
        onlySql: "to a client null is a payload",
      },
    ),
    refuse(
      "push",
      "a delay of 1001 years",
      { p_delay: "P1001Y" },
      "VAL_INTERVAL_TOO_LARGE",
      /^delay /,
    ),
    refuse(
      "push",
      "a delay of -1001 years",
      { p_delay: "P-1001Y" },
      "VAL_INTERVAL_TOO_LARGE",
      /^delay /,
    ),
    refuse(
      "push",
      "a time too far away",
      { p_run_at: new Date("5000-01-01") },
      "VAL_INTERVAL_TOO_LARGE",
      /^run_at /,
    ),
    refuse(
      "push",
      "a delay and a time",
      { p_delay: "PT1S", p_run_at: new Date("2999-01-01") },
      "VAL_DELAY_AND_RUN_AT",
      /a delay or a run_at/,
    ),
    refuse(
      "push",
      "a key that is too long",
      { p_unique_key: long.repeat(2) },
      "VAL_KEY_TOO_LONG",
      /2500 bytes$/,
      "22001",
    ),
    refuse(
      "push_batch",
      "1001 payloads",
      { p_payloads: Array.from({ length: 1001 }, () => "{}") },
      "VAL_BATCH_TOO_LARGE",
      /^payloads has 1001 elements/,
    ),
    refuse(
      "push_many",
      "1001 jobs",
      { p_jobs: JSON.stringify(Array.from({ length: 1001 }, () => ({ queue: "q", payload: {} }))) },
      "VAL_BATCH_TOO_LARGE",
      /^jobs has 1001 elements/,
    ),
    refuse(
      "push_many",
      "no list",
      { p_jobs: "{}" },
      "VAL_JOBS_INVALID",
      /^jobs must be an array/,
      "22023",
      { onlySql },
    ),
    refuse(
      "push_many",
      "null",
      { p_jobs: null },
      "VAL_JOBS_INVALID",
      /^jobs must be an array/,
      "22023",
      { onlySql },
    ),
    many("a key that no job has", { when: 1 }, "VAL_JOBS_INVALID", /'when'/),
    many("a queue that is empty", { queue: "" }, "VAL_QUEUE_EMPTY", /^queue is empty/, "22026"),
    many("no queue", { queue: undefined }, "VAL_QUEUE_NULL", /^queue is null/, "22004"),
    many("no payload", { payload: undefined }, "VAL_PAYLOAD_NULL", /^payload is null/, "22004"),
    many("a priority of 1001", { priority: 1001 }, "VAL_PRIORITY_RANGE", /^priority is 1001/),
    many("31 attempts", { max_attempts: 31 }, "VAL_MAX_ATTEMPTS_RANGE", /^max_attempts is 31/),
    many(
      "a key that is too long",
      { unique_key: long.repeat(2) },
      "VAL_KEY_TOO_LONG",
      /2500 bytes$/,
      "22001",
    ),
    many("a delay of 1001 years", { delay: "P1001Y" }, "VAL_INTERVAL_TOO_LARGE", /^delay /),
    many(
      "a time too far away",
      { run_at: "5000-01-01T00:00:00Z" },
      "VAL_INTERVAL_TOO_LARGE",
      /^run_at /,
    ),
    many(
      "a delay and a time",
      { delay: "PT1S", run_at: "2999-01-01T00:00:00Z" },
      "VAL_DELAY_AND_RUN_AT",
      /a delay or a run_at/,
      "22023",
      { onlySql: "the client says it without asking" },
    ),
  ];
}

/** 400 characters of four bytes each: as a namespace with a queue of 256 of them it is more than an index can have. */
function longKeyCases(): RefusalCase[] {
  const wide = (length: number) =>
    Array.from({ length }, (_, index) => String.fromCodePoint(0x1f300 + (index % 256))).join("");
  const args = { p_namespace: wide(500), p_queue: wide(256) };
  return (
    ["push", "pull", "purge_queue", "pause_queue", "retry_dead_letters", "set_config"] as const
  ).map((name) =>
    refuse(
      name,
      "a namespace and a queue that are too long together",
      args,
      "VAL_KEY_TOO_LONG",
      /2500 bytes$/,
      "22001",
      {
        tenant: args.p_namespace,
      },
    ),
  );
}

function limitCases(): RefusalCase[] {
  const limited = [
    "pull_batch",
    "list_jobs",
    "list_schedules",
    "list_dead_letters",
    "tick_schedules",
    "tick_timeouts",
    "retry_dead_letters",
    "settle_and_pull",
  ] as const;
  return limited.flatMap((name) => [
    ...[0, -1]
      .filter((limit) => name !== "settle_and_pull" || limit !== 0)
      .map((limit) =>
        refuse(
          name,
          `a limit of ${limit}`,
          { p_limit: limit },
          "VAL_NOT_POSITIVE",
          /^limit must be at least 1/,
        ),
      ),
    refuse(
      name,
      "a limit of null",
      { p_limit: null },
      "VAL_NOT_POSITIVE",
      /^limit must be at least 1/,
      "22023",
      {
        onlySql: "a client leaves it to the default",
      },
    ),
    refuse(
      name,
      "a limit of 1001",
      { p_limit: 1001 },
      "VAL_LIMIT_TOO_LARGE",
      /^limit is 1001, the most is 1000/,
    ),
  ]);
}

function pullCases(): RefusalCase[] {
  const pulls = ["pull", "pull_batch", "pull_any", "settle_and_pull"] as const;
  const timeouts = pulls.flatMap((name) => [
    ...["PT0S", "PT-1S", "P1M-30D"].map((value) =>
      refuse(
        name,
        `a timeout of ${value}`,
        { p_visibility_timeout: value },
        "VAL_INTERVAL_NOT_POSITIVE",
        /^visibility_timeout /,
      ),
    ),
    refuse(
      name,
      "a timeout of 1001 years",
      { p_visibility_timeout: "P1001Y" },
      "VAL_INTERVAL_TOO_LARGE",
      /^visibility_timeout /,
    ),
  ]);
  const lists = (["pull_any", "settle_and_pull", "next_due", "report_worker"] as const).flatMap(
    (name) => [
      refuse(
        name,
        "1001 queues",
        { p_queues: Array.from({ length: 1001 }, (_, index) => `q${index}`) },
        "VAL_BATCH_TOO_LARGE",
        /^queues has 1001 elements/,
      ),
      refuse(
        name,
        "a queue that is empty",
        { p_queues: ["q", ""] },
        "VAL_QUEUE_EMPTY",
        /^queue is empty/,
        "22026",
      ),
      refuse(
        name,
        "a queue that is null",
        { p_queues: ["q", null] },
        "VAL_QUEUE_NULL",
        /^queue is null/,
        "22004",
      ),
    ],
  );
  return [...timeouts, ...lists];
}

function settlementCases(): RefusalCase[] {
  const single = ["extend_visibility", "ack", "nack", "fail", "release"] as const;
  const many = ["ack_batch", "heartbeat_batch", "settle_batch", "settle_and_pull"] as const;
  const onlySql = "a client takes jobs, not two lists";
  return [
    ...single.flatMap((name) => [
      refuse(name, "no id", { p_job_id: null }, "VAL_JOB_ID_NULL", /^job_id is null/, "22004"),
      refuse(name, "no fence", { p_fence: null }, "VAL_FENCE_NULL", /^fence is null/, "22004"),
      refuse(name, "a job that is not held", {}, "FENCE_STALE", /^job 1 is not held/, "40001"),
    ]),
    refuse("ack_batch", "jobs that are not held", {}, "FENCE_STALE", /^job 1 is not held/, "40001"),
    ...(["cancel", "request_cancel", "get_job"] as const).map((name) =>
      refuse(name, "no id", { p_job_id: null }, "VAL_JOB_ID_NULL", /^job_id is null/, "22004"),
    ),
    ...many.flatMap((name) => [
      refuse(
        name,
        "fewer fences than jobs",
        { p_fences: ["1"] },
        "VAL_ACK_BATCH_LENGTH",
        /^job_ids and fences/,
        "22023",
        { onlySql },
      ),
      refuse(
        name,
        "no fences",
        { p_fences: null },
        "VAL_ACK_BATCH_LENGTH",
        /^job_ids and fences/,
        "22023",
        { onlySql },
      ),
      refuse(
        name,
        "an id that is null",
        { p_job_ids: ["1", null] },
        "VAL_JOB_ID_NULL",
        /^job_id is null/,
        "22004",
      ),
      refuse(
        name,
        "a fence that is null",
        { p_fences: ["1", null] },
        "VAL_FENCE_NULL",
        /^fence is null/,
        "22004",
      ),
      refuse(
        name,
        "a job twice",
        { p_job_ids: ["1", "1"] },
        "VAL_ACK_BATCH_DUPLICATE_JOB",
        /^job_ids names a job twice/,
      ),
      refuse(
        name,
        "1001 jobs",
        {
          p_job_ids: Array.from({ length: 1001 }, (_, index) => String(index)),
          p_fences: Array.from({ length: 1001 }, () => "1"),
          ...(name === "settle_batch" && { p_outcomes: Array.from({ length: 1001 }, () => "ack") }),
        },
        "VAL_BATCH_TOO_LARGE",
        /^job_ids has 1001 elements/,
      ),
    ]),
    ...[null, "PT0S", "PT-1S"].flatMap((value) => [
      refuse(
        "extend_visibility",
        `an extension of ${value}`,
        { p_extension: value },
        "VAL_EXTENSION_POSITIVE",
        /^extension /,
      ),
      refuse(
        "heartbeat_batch",
        `a timeout of ${value}`,
        { p_timeout: value },
        "VAL_EXTENSION_POSITIVE",
        /^timeout /,
      ),
    ]),
    refuse(
      "extend_visibility",
      "an extension of 1001 years",
      { p_extension: "P1001Y" },
      "VAL_INTERVAL_TOO_LARGE",
      /^extension /,
    ),
    refuse(
      "heartbeat_batch",
      "a timeout of 1001 years",
      { p_timeout: "P1001Y" },
      "VAL_INTERVAL_TOO_LARGE",
      /^timeout /,
    ),
    refuse(
      "settle_batch",
      "an outcome that is none",
      { p_outcomes: ["ack", "done"] },
      "VAL_OUTCOME_UNKNOWN",
      /^an outcome must be/,
    ),
    refuse(
      "settle_batch",
      "an outcome that is null",
      { p_outcomes: ["ack", null] },
      "VAL_OUTCOME_UNKNOWN",
      /^an outcome must be/,
    ),
    refuse(
      "settle_batch",
      "fewer outcomes than jobs",
      { p_outcomes: ["ack"] },
      "VAL_ACK_BATCH_LENGTH",
      /^outcomes, errors and delays/,
      "22023",
      { onlySql },
    ),
    refuse(
      "settle_batch",
      "fewer errors than jobs",
      { p_errors: ["x"] },
      "VAL_ACK_BATCH_LENGTH",
      /^outcomes, errors and delays/,
      "22023",
      { onlySql },
    ),
    refuse(
      "settle_batch",
      "fewer delays than jobs",
      { p_delays: ["1 second"] },
      "VAL_ACK_BATCH_LENGTH",
      /^outcomes, errors and delays/,
      "22023",
      { onlySql },
    ),
  ];
}

function scheduleCases(): RefusalCase[] {
  const cron = (value: string) => ({ p_every_interval: undefined, p_cron_expression: value });
  const both = (["create_schedule", "upsert_schedule"] as const).flatMap((name) => [
    refuse(
      name,
      "no timing",
      { p_every_interval: undefined },
      "BIZ_SCHEDULE_REQUIRES_SCHEDULE",
      /cron_expression or an every_interval$/,
    ),
    refuse(
      name,
      "two timings",
      { p_cron_expression: "* * * * *" },
      "BIZ_SCHEDULE_CRON_AND_INTERVAL",
      /not both$/,
    ),
    refuse(
      name,
      "no payload",
      { p_payload: null },
      "VAL_PAYLOAD_NULL",
      /^payload is null/,
      "22004",
      {
        onlySql: "to a client null is a payload",
      },
    ),
    refuse(
      name,
      "a priority of 1001",
      { p_priority: 1001 },
      "VAL_PRIORITY_RANGE",
      /^priority is 1001/,
    ),
    refuse(
      name,
      "no attempts",
      { p_max_attempts: 0 },
      "VAL_MAX_ATTEMPTS_RANGE",
      /^max_attempts is 0/,
    ),
    ...["PT0S", "PT-1S", "P-1M31D"].map((value) =>
      refuse(
        name,
        `an interval of ${value}`,
        { p_every_interval: value },
        "VAL_INTERVAL_NOT_POSITIVE",
        /^every_interval /,
      ),
    ),
    refuse(
      name,
      "an interval of 1001 years",
      { p_every_interval: "P1001Y" },
      "VAL_INTERVAL_TOO_LARGE",
      /^every_interval /,
    ),
    refuse(name, "an empty cron expression", cron(" "), "VAL_CRON_EMPTY", /cron/, "22026"),
    refuse(
      name,
      "a cron expression that is too long",
      cron("1,".repeat(200)),
      "VAL_CRON_TOO_LONG",
      /cron/,
      "22001",
    ),
    refuse(name, "four cron fields", cron("* * * *"), "VAL_CRON_FIELDS", /cron/),
    refuse(name, "a minute of 99", cron("99 * * * *"), "VAL_CRON_INVALID", /cron/),
    refuse(name, "a 31st of February", cron("0 0 31 2 *"), "VAL_CRON_INVALID", /cron/),
    refuse(name, "a step of 0", cron("*/0 * * * *"), "VAL_CRON_STEP_ZERO", /cron|step/),
    refuse(
      name,
      "a time zone that is none",
      { ...cron("* * * * *"), p_cron_timezone: "Mars/Base" },
      "VAL_TIMEZONE_UNKNOWN",
      /^time zone/,
    ),
    refuse(
      name,
      "a catch_up that is none",
      { p_catch_up: "some" },
      "VAL_POLICY_UNKNOWN",
      /^catch_up must be/,
    ),
    refuse(
      name,
      "an overlap that is none",
      { p_overlap: "queue" },
      "VAL_POLICY_UNKNOWN",
      /^overlap must be/,
    ),
    refuse(
      name,
      "metadata that are no object",
      { p_metadata: "[]" },
      "VAL_METADATA_INVALID",
      /^metadata of a schedule must be/,
      "22023",
      {
        onlySql: "a client sends no such thing",
      },
    ),
    refuse(
      name,
      "a catch_up_max of 0",
      { p_catch_up_max: 0 },
      "VAL_CATCH_UP_MAX_RANGE",
      /^catch_up_max must be/,
    ),
    refuse(
      name,
      "a catch_up_max of 1001",
      { p_catch_up_max: 1001 },
      "VAL_CATCH_UP_MAX_RANGE",
      /^catch_up_max must be/,
    ),
  ]);
  return [
    ...both,
    refuse(
      "create_schedule",
      "a name that is there",
      { p_name: "s" },
      "BIZ_SCHEDULE_DUPLICATE",
      /'s' already$/,
      "23505",
    ),
    refuse(
      "update_schedule",
      "changes that are no object",
      { p_changes: "[]" },
      "VAL_CHANGES_INVALID",
      /^changes must be/,
      "22023",
      {
        onlySql: "a client sends no such thing",
      },
    ),
    refuse(
      "update_schedule",
      "a change of what there is not",
      { p_changes: '{"when": 1}' },
      "VAL_CHANGES_INVALID",
      /'when'/,
    ),
    refuse(
      "update_schedule",
      "an overlap that is none",
      { p_changes: '{"overlap": "queue"}' },
      "VAL_POLICY_UNKNOWN",
      /^overlap must be/,
    ),
    refuse(
      "update_schedule",
      "four cron fields",
      { p_changes: '{"cron_expression": "* * * *"}' },
      "VAL_CRON_FIELDS",
      /cron/,
    ),
  ];
}

function deadLetterCases(): RefusalCase[] {
  return [
    refuse(
      "retry_dead_letter",
      "no id",
      { p_dead_letter_id: null },
      "VAL_DEAD_LETTER_ID_NULL",
      /^dead_letter_id is null/,
      "22004",
    ),
    refuse(
      "retry_dead_letter",
      "one that is not there",
      { p_dead_letter_id: "999" },
      "DATA_DEAD_LETTER_NOT_FOUND",
      /^there is no dead letter 999/,
      "P0002",
    ),
    refuse(
      "retry_dead_letter",
      "one that was retried",
      {},
      "BIZ_DEAD_LETTER_ALREADY_RETRIED",
      /^dead letter 1 was retried already/,
    ),
    refuse(
      "purge_dead_letters",
      "an age of 1001 years",
      { p_older_than: "P1001Y" },
      "VAL_INTERVAL_TOO_LARGE",
      /^older_than /,
    ),
  ];
}

function configCases(): RefusalCase[] {
  const set = (what: string, value: unknown, message: RegExp, more: Partial<RefusalCase> = {}) =>
    refuse(
      "set_config",
      what,
      { p_settings: JSON.stringify(value) },
      "VAL_CONFIG_INVALID",
      message,
      "22023",
      more,
    );
  const onlySql = "a client sends no such thing";
  return [
    set("settings that are a list", [], /^settings must be an object/, { onlySql }),
    set("settings that are null", null, /^settings must be an object/, { onlySql }),
    set("a setting that there is not", { when: 1 }, /'when'/),
    set("a notify that is none", { notify: "perhaps" }, /config_notify_is_known/),
    set("31 attempts", { default_max_attempts: 31 }, /config_max_attempts_is_in_range/),
    set("a jitter of 2", { backoff_jitter: 2 }, /config_backoff_jitter_is_a_share/),
    set(
      "a retention of 1001 years",
      { retention: "P1001Y" },
      /config_intervals_are_within_the_calendar/,
    ),
    ...(["set_config", "pause_queue", "resume_queue"] as const).map((name) =>
      refuse(
        name,
        "the settings for all",
        { p_namespace: "global" },
        "BIZ_GLOBAL_PROTECTED",
        /^settings of namespace global/,
        "42501",
        {
          tenant: "global",
        },
      ),
    ),
  ];
}

function otherCases(): RefusalCase[] {
  const workers = (["report_worker", "forget_worker"] as const).flatMap((name) =>
    [null, "", "x".repeat(257)].map((value) =>
      refuse(
        name,
        `a worker of ${value?.length ?? "no"} characters`,
        { p_worker_id: value },
        "VAL_WORKER_ID_INVALID",
        /^worker_id must have/,
      ),
    ),
  );
  const ticks = (["tick_schedules", "tick_timeouts"] as const).map((name) =>
    refuse(
      name,
      "all namespaces",
      { p_namespace: null },
      "BIZ_ALL_NAMESPACES_REQUIRES_BYPASS",
      /^all namespaces are only for roles/,
      "42501",
      {
        onlySql: "a client is bound to a namespace",
      },
    ),
  );
  const owner = { role: "owner" } as const;
  return [
    ...workers,
    ...ticks,
    refuse(
      "list_jobs",
      "a status that is none",
      { p_status: "done" },
      "VAL_STATUS_UNKNOWN",
      /^status must be/,
    ),
    ...["1969-12-31", "9999-12-31"].map((day) =>
      refuse(
        "create_archive_partition",
        `the day ${day}`,
        { p_day: day },
        "VAL_DAY_OUT_OF_RANGE",
        /^day must be/,
        "22023",
        owner,
      ),
    ),
    ...[-1, 367].map((count) =>
      refuse(
        "ensure_archive_partitions",
        `${count} days`,
        { p_days_ahead: count },
        "VAL_DAY_OUT_OF_RANGE",
        /^days_ahead must be/,
        "22023",
        owner,
      ),
    ),
  ];
}

/** All that queue refuses, each once. */
export const refusalCases: readonly RefusalCase[] = [
  ...fieldCases(),
  ...tenantNameCases(),
  ...tenantCases(),
  ...pushCases(),
  ...longKeyCases(),
  ...limitCases(),
  ...pullCases(),
  ...settlementCases(),
  ...scheduleCases(),
  ...deadLetterCases(),
  ...configCases(),
  ...otherCases(),
];

function names(): FunctionName[] {
  return Object.keys(functions) as FunctionName[];
}

/** The client is typed; a program in JavaScript gives it null all the same. */
function text(value: unknown): string {
  return value as string;
}

function texts(value: unknown): string[] {
  return value as string[];
}

function number(value: unknown): number {
  return value as number;
}

function payload(json: unknown): unknown {
  return json === undefined || json === null ? undefined : JSON.parse(json as string);
}

function ofQueue({ p_queue: name }: NamedArguments): { queue?: string } {
  return name === undefined || name === null ? {} : { queue: text(name) };
}

function jobOptions(args: NamedArguments) {
  return {
    delayMs: args.p_delay as number | undefined,
    runAt: args.p_run_at as Date | undefined,
    priority: args.p_priority as number | undefined,
    maxAttempts: args.p_max_attempts as number | undefined,
    uniqueKey: args.p_unique_key as string | undefined,
  };
}

function newJobs(json: string): NewJob[] {
  const list = JSON.parse(json) as Record<string, unknown>[];
  return list.map(
    ({ delay, run_at: runAt, max_attempts: maxAttempts, unique_key: uniqueKey, ...rest }) => ({
      ...(rest as unknown as NewJob),
      delayMs: delay as number | undefined,
      runAt: runAt === undefined ? undefined : new Date(runAt as string),
      maxAttempts: maxAttempts as number | undefined,
      uniqueKey: uniqueKey as string | undefined,
    }),
  );
}

function jobRef(args: NamedArguments): JobRef {
  return { id: text(args.p_job_id), fence: text(args.p_fence) };
}

function jobRefs(args: NamedArguments): JobRef[] {
  return texts(args.p_job_ids).map((id, index) => ({
    id,
    fence: text(texts(args.p_fences)[index]),
  }));
}

function settlements(args: NamedArguments): Settlement[] {
  return jobRefs(args).map((ref, index) => ({
    job: ref,
    outcome: texts(args.p_outcomes)[index] as "ack",
  }));
}

function definition(args: NamedArguments): ScheduleDefinition {
  return {
    queue: text(args.p_queue),
    payload: payload(args.p_payload),
    cronExpression: args.p_cron_expression as string | undefined,
    cronTimezone: args.p_cron_timezone as string | undefined,
    everyInterval: args.p_every_interval as string | undefined,
    priority: args.p_priority as number | undefined,
    maxAttempts: args.p_max_attempts as number | undefined,
    catchUp: args.p_catch_up as "one" | undefined,
    catchUpMax: args.p_catch_up_max as number | undefined,
    overlap: args.p_overlap as "skip" | undefined,
  };
}

function changes(json: string): ScheduleChanges {
  const { cron_expression: cronExpression, ...rest } = JSON.parse(json) as Record<string, unknown>;
  return { ...rest, cronExpression: cronExpression as string | undefined };
}

function settings(json: string): object {
  const entries = Object.entries(JSON.parse(json) as object);
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value as unknown,
    ]),
  );
}
