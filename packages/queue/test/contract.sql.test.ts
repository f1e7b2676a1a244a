import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Parameters with types and defaults in order, then what comes back, then volatility and parallel safety. */
type Signature = readonly [parameters: string, returns: string, kind: string];

const held = "p_namespace text, p_job_id bigint, p_fence bigint";
const schedule =
  "p_namespace text, p_name text, p_queue text, p_payload jsonb, p_cron_expression text = NULL, " +
  "p_cron_timezone text = 'UTC'::text, p_every_interval interval = NULL, p_priority integer = 0, " +
  "p_max_attempts integer = 3, p_tags text[] = '{}'::text[], p_is_active boolean = true";
const policies =
  "p_catch_up text = 'one'::text, p_catch_up_max integer = 100, p_overlap text = 'allow'::text, " +
  "p_metadata jsonb = NULL";
const worker = "p_worker_id text = NULL, p_visibility_timeout interval = NULL";

/** The functions of the published contract. What we add to one comes after all it has. */
const published: Readonly<Record<string, Signature>> = {
  push: [
    "p_namespace text, p_queue text, p_payload jsonb, p_delay interval = NULL, p_priority integer = 0, " +
      "p_max_attempts integer = NULL, p_unique_key text = NULL, p_tags text[] = NULL, p_metadata jsonb = NULL, " +
      "p_run_at timestamp with time zone = NULL",
    "bigint",
    "volatile unsafe",
  ],
  push_batch: [
    "p_namespace text, p_queue text, p_payloads jsonb[], p_priority integer = 0, " +
      "p_max_attempts integer = NULL, p_tags text[] = NULL",
    "bigint[]",
    "volatile unsafe",
  ],
  pull: [`p_namespace text, p_queue text, ${worker}`, "SETOF queue.jobs", "volatile unsafe"],
  pull_batch: [
    `p_namespace text, p_queue text, p_limit integer = 10, ${worker}`,
    "SETOF queue.jobs",
    "volatile unsafe",
  ],
  pull_any: [`p_namespace text, p_queues text[], ${worker}`, "SETOF queue.jobs", "volatile unsafe"],
  extend_visibility: [`${held}, p_extension interval`, "boolean", "volatile unsafe"],
  ack: [held, "boolean", "volatile unsafe"],
  ack_batch: [
    "p_namespace text, p_job_ids bigint[], p_fences bigint[]",
    "integer",
    "volatile unsafe",
  ],
  nack: [`${held}, p_error text = NULL, p_backoff interval = NULL`, "boolean", "volatile unsafe"],
  fail: [`${held}, p_error text = NULL`, "boolean", "volatile unsafe"],
  release: [`${held}, p_count_attempt boolean = true`, "boolean", "volatile unsafe"],
  cancel: ["p_namespace text, p_job_id bigint", "boolean", "volatile unsafe"],
  purge_queue: ["p_namespace text, p_queue text", "integer", "volatile unsafe"],
  get_stats: [
    "p_namespace text",
    "TABLE(total_jobs bigint, pending bigint, running bigint, completed bigint, dead bigint, total_queues bigint)",
    "stable unsafe",
  ],
  get_queue_stats: [
    "p_namespace text, p_queue text = NULL",
    "TABLE(queue text, pending bigint, running bigint, completed bigint, dead bigint, " +
      "oldest_pending_seconds numeric, dead_letters bigint, is_paused boolean)",
    "stable unsafe",
  ],
  create_schedule: [`${schedule}, ${policies}`, "bigint", "volatile unsafe"],
  get_schedule: [
    "p_namespace text, p_name text",
    "TABLE(id bigint, name text, queue text, payload jsonb, priority integer, max_attempts integer, " +
      "tags text[], cron_expression text, cron_timezone text, every_interval interval, is_active boolean, " +
      "last_run_at timestamp with time zone, last_job_id bigint, next_run_at timestamp with time zone, " +
      "run_count bigint, last_error text, consecutive_failures integer, created_at timestamp with time zone, " +
      "updated_at timestamp with time zone, catch_up text, catch_up_max integer, overlap text, metadata jsonb)",
    "stable unsafe",
  ],
  list_schedules: [
    "p_namespace text, p_queue text = NULL, p_is_active boolean = NULL, p_limit integer = 100, " +
      "p_cursor text = NULL",
    "TABLE(name text, queue text, cron_expression text, every_interval interval, is_active boolean, " +
      "next_run_at timestamp with time zone, last_run_at timestamp with time zone, run_count bigint, " +
      "last_error text, consecutive_failures integer, created_at timestamp with time zone)",
    "stable unsafe",
  ],
  delete_schedule: ["p_namespace text, p_name text", "boolean", "volatile unsafe"],
  pause_schedule: ["p_namespace text, p_name text", "boolean", "volatile unsafe"],
  resume_schedule: ["p_namespace text, p_name text", "boolean", "volatile unsafe"],
  tick_schedules: [
    "p_namespace text = NULL, p_limit integer = 100",
    "TABLE(schedule_name text, job_id bigint, next_run_at timestamp with time zone)",
    "volatile unsafe",
  ],
  tick_timeouts: [
    "p_namespace text = NULL, p_limit integer = 100",
    "TABLE(job_id bigint, queue text, stuck_duration interval)",
    "volatile unsafe",
  ],
  retry_dead_letter: [
    "p_namespace text, p_dead_letter_id bigint, p_queue text = NULL",
    "bigint",
    "volatile unsafe",
  ],
  retry_dead_letters: [
    "p_namespace text, p_queue text, p_limit integer = 100",
    "TABLE(dead_letter_id bigint, job_id bigint)",
    "volatile unsafe",
  ],
  purge_dead_letters: [
    "p_namespace text, p_queue text = NULL, p_older_than interval = '30 days'::interval",
    "integer",
    "volatile unsafe",
  ],
  channel_name: ["p_namespace text, p_queue text", "text", "immutable safe"],
  set_tenant: ["p_tenant_id text", "void", "volatile unsafe"],
  clear_tenant: ["", "void", "volatile unsafe"],
  set_actor: [
    "p_actor_id text = NULL, p_request_id text = NULL, p_on_behalf_of text = NULL, p_reason text = NULL",
    "void",
    "volatile unsafe",
  ],
  clear_actor: ["", "void", "volatile unsafe"],
  assert_rls_active: ["", "void", "stable unsafe"],
};

/** The functions that we add to it. */
const added: Readonly<Record<string, Signature>> = {
  push_many: ["p_namespace text, p_jobs jsonb", "bigint[]", "volatile unsafe"],
  request_cancel: ["p_namespace text, p_job_id bigint", "boolean", "volatile unsafe"],
  get_job: ["p_namespace text, p_job_id bigint", "SETOF queue.jobs", "stable unsafe"],
  list_jobs: [
    "p_namespace text, p_queue text = NULL, p_status text = NULL, p_limit integer = 100, p_cursor bigint = NULL",
    "SETOF queue.jobs",
    "stable unsafe",
  ],
  heartbeat_batch: [
    "p_namespace text, p_job_ids bigint[], p_fences bigint[], p_timeout interval",
    "TABLE(job_id bigint, status text)",
    "volatile unsafe",
  ],
  settle_batch: [
    "p_namespace text, p_job_ids bigint[], p_fences bigint[], p_outcomes text[], p_errors text[] = NULL, " +
      "p_delays interval[] = NULL",
    "TABLE(job_id bigint, status text)",
    "volatile unsafe",
  ],
  settle_and_pull: [
    "p_namespace text, p_queues text[], p_limit integer, p_worker_id text = NULL, " +
      "p_visibility_timeout interval = NULL, p_job_ids bigint[] = NULL, p_fences bigint[] = NULL",
    "json",
    "volatile unsafe",
  ],
  pull_global: [
    "p_queues text[], p_limit integer = 10, p_worker_id text = NULL, p_visibility_timeout interval = NULL, " +
      "p_after text = NULL",
    "SETOF queue.jobs",
    "volatile unsafe",
  ],
  exchange_global: [
    "p_queues text[], p_limit integer, p_worker_id text = NULL, p_visibility_timeout interval = NULL, " +
      "p_after text = NULL, p_namespaces text[] = NULL, p_job_ids bigint[] = NULL, p_fences bigint[] = NULL",
    "json",
    "volatile unsafe",
  ],
  report_global_worker: [
    "p_queues text[], p_worker_id text, p_is_waiting boolean",
    "void",
    "volatile unsafe",
  ],
  list_dead_letters: [
    "p_namespace text, p_queue text = NULL, p_with_retried boolean = false, p_limit integer = 100, " +
      "p_cursor bigint = NULL",
    "SETOF queue.dead_letters",
    "stable unsafe",
  ],
  upsert_schedule: [`${schedule}, ${policies}`, "bigint", "volatile unsafe"],
  update_schedule: ["p_namespace text, p_name text, p_changes jsonb", "boolean", "volatile unsafe"],
  get_config: [
    "p_namespace text, p_queue text = NULL",
    "TABLE(archive_completed boolean, notify text, default_visibility_timeout interval, " +
      "default_max_attempts integer, backoff_kind text, backoff_base interval, backoff_factor numeric, " +
      "backoff_max interval, backoff_jitter numeric, retention interval, paused_at timestamp with time zone)",
    "stable unsafe",
  ],
  set_config: ["p_namespace text, p_queue text, p_settings jsonb", "void", "volatile unsafe"],
  pause_queue: ["p_namespace text, p_queue text", "boolean", "volatile unsafe"],
  resume_queue: ["p_namespace text, p_queue text", "boolean", "volatile unsafe"],
  report_worker: [
    "p_namespace text, p_queues text[], p_worker_id text, p_is_waiting boolean",
    "void",
    "volatile unsafe",
  ],
  forget_worker: ["p_namespace text, p_worker_id text", "boolean", "volatile unsafe"],
  pushes_in_flight: ["", "text[]", "volatile unsafe"],
  next_due: ["p_namespace text, p_queues text[]", "timestamp with time zone", "stable unsafe"],
  create_archive_partition: ["p_day date", "text", "volatile unsafe"],
  ensure_archive_partitions: ["p_days_ahead integer = 7", "SETOF text", "volatile unsafe"],
  drop_archive_partitions: ["", "SETOF text", "volatile unsafe"],
  maintain: [
    "p_unless_within interval = '00:00:00'::interval",
    "TABLE(is_leader boolean, timed_out integer, scheduled integer, problems text[])",
    "volatile unsafe",
  ],
};

/** What only roles may call that were given worker or maintenance. */
const forOthers = [
  "create_archive_partition",
  "drop_archive_partitions",
  "ensure_archive_partitions",
  "exchange_global",
  "pull_global",
  "report_global_worker",
];

const definers = [...forOthers, "maintain"].sort();

interface FunctionRow {
  name: string;
  parameters: string;
  returns: string;
  kind: string;
}

let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
});

afterAll(() => db.drop());

describe("the functions of schema queue", () => {
  const all = { ...published, ...added };
  let functions: FunctionRow[];

  beforeAll(async () => {
    const { rows } = await db.super.query<FunctionRow>(
      `select p.proname::text as name,
         pg_get_function_arguments(p.oid) as parameters,
         pg_get_function_result(p.oid) as returns,
         case p.provolatile when 'v' then 'volatile' when 's' then 'stable' else 'immutable' end
           || case p.proparallel when 's' then ' safe' else ' unsafe' end as kind
       from pg_proc p
       where p.pronamespace = 'queue'::regnamespace and not starts_with(p.proname, '_')`,
    );
    functions = rows.map((row) => ({ ...row, parameters: readable(row.parameters) }));
  });

  it("are those of the contract, ours, and no other", () => {
    expect(Object.keys(published)).toHaveLength(32);
    expect(functions.map(({ name }) => name).sort()).toEqual(Object.keys(all).sort());
  });

  it.each(Object.keys(all))("%s takes and returns what is published", (name) => {
    const { parameters, returns, kind } = functions.find((row) => row.name === name) ?? {};
    expect([parameters, returns, kind]).toEqual(all[name]);
  });

  it("run as their caller, but for maintenance", async () => {
    const { rows } = await db.super.query<{ name: string }>(
      `select p.proname::text as name
       from pg_proc p
       where p.pronamespace = 'queue'::regnamespace and p.prosecdef
       order by 1`,
    );
    expect(rows.map(({ name }) => name)).toEqual(definers);
  });

  it("pin their search_path, with pg_temp last", async () => {
    const { rows } = await db.super.query<{ name: string; settings: string[] | null }>(
      `select p.proname::text as name, p.proconfig as settings
       from pg_proc p
       where p.pronamespace = 'queue'::regnamespace`,
    );
    const open = rows.filter(({ name, settings }) => {
      const path = name === "_grant" ? "pg_catalog" : "queue";
      return !settings?.includes(`search_path=${path}, pg_temp`);
    });
    expect(open).toEqual([]);
  });

  it("are not one overloaded, so that named and positional calls mean one function", async () => {
    const { rows } = await db.super.query(
      "select proname from pg_proc where pronamespace = 'queue'::regnamespace group by 1 having count(*) > 1",
    );
    expect(rows).toEqual([]);
  });
});

describe("view queue.jobs", () => {
  it("has the published columns", async () => {
    const { rows } = await db.super.query<{ columns: string }>(
      `select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum) as columns
       from pg_attribute a
       where a.attrelid = 'queue.jobs'::regclass and a.attnum > 0`,
    );
    expect(rows).toEqual([
      {
        columns:
          "id bigint, namespace text, queue text, payload jsonb, priority integer, " +
          "scheduled_at timestamp with time zone, status text, attempts integer, max_attempts integer, " +
          "locked_by text, locked_at timestamp with time zone, visibility_timeout_at timestamp with time zone, " +
          "completed_at timestamp with time zone, error text, unique_key text, tags text[], metadata jsonb, " +
          "actor_id text, request_id text, on_behalf_of text, reason text, created_at timestamp with time zone, " +
          "updated_at timestamp with time zone, fence_token bigint",
      },
    ]);
  });

  it("takes no write from the application", async () => {
    for (const statement of [
      "insert into queue.jobs (id) values (1)",
      "update queue.jobs set attempts = 0",
      "delete from queue.jobs",
    ]) {
      await expect(db.app.query(statement)).rejects.toMatchObject({
        code: expect.stringMatching(/^(42501|55000)$/),
      });
    }
  });
});

describe("the fences", () => {
  it("are drawn one by one from a sequence that has no end to come around from", async () => {
    const { rows } = await db.super.query(
      `select s.seqtypid::regtype::text as type, s.seqincrement::text as step, s.seqcycle as cycles,
         s.seqcache::text as cached
       from pg_sequence s
       where s.seqrelid in ('queue.fence_token_seq'::regclass, 'queue.job_id_seq'::regclass)`,
    );
    const sequence = { type: "bigint", step: "1", cycles: false, cached: "1" };
    expect(rows).toEqual([sequence, sequence]);
  });
});

describe("PUBLIC", () => {
  it("has nothing in schema queue: no usage, no table, no sequence, no function", async () => {
    const { rows } = await db.super.query(
      `select object, privilege_type
       from (
         select n.nspname::text as object, coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl
         from pg_namespace n
         where n.nspname = 'queue'
         union all
         select p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner))
         from pg_proc p
         where p.pronamespace = 'queue'::regnamespace
         union all
         select c.oid::regclass::text, coalesce(c.relacl, acldefault('r', c.relowner))
         from pg_class c
         where c.relnamespace = 'queue'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
       ) o, aclexplode(o.acl) a
       where a.grantee = 0`,
    );
    expect(rows).toEqual([]);
  });
});

describe("the application role", () => {
  it("may not call maintenance nor what grants rights", async () => {
    const { rows } = await db.super.query<{ name: string }>(
      `select p.proname::text as name
       from pg_proc p
       where p.pronamespace = 'queue'::regnamespace and not has_function_privilege($1, p.oid, 'execute')
       order by 1`,
      [db.appRole],
    );
    expect(rows.map(({ name }) => name)).toEqual([
      "_advance_floor",
      "_advance_floors",
      "_advance_lanes",
      "_attach_archive_partition",
      "_delete_expired_archive",
      "_delete_expired_dead_letters",
      "_delete_expired_history",
      "_first_deadline",
      "_forget_dead_workers",
      "_grant",
      "_look_after_partitions",
      ...definers,
    ]);
  });

  it("has only those rights on tables and sequences that the functions use", async () => {
    const { rows } = await db.super.query<{ object: string; privileges: string[] }>(
      `select c.relname::text as object, array_agg(a.privilege_type order by a.privilege_type) as privileges
       from pg_class c, aclexplode(c.relacl) a
       where c.relnamespace = 'queue'::regnamespace and a.grantee = $1::regrole
       group by 1
       order by 1`,
      [db.appRole],
    );
    const readAndWrite = ["DELETE", "INSERT", "SELECT", "UPDATE"];
    expect(rows).toEqual([
      { object: "archive", privileges: ["INSERT", "SELECT"] },
      { object: "config", privileges: readAndWrite },
      { object: "dead_letters", privileges: readAndWrite },
      { object: "deferred", privileges: readAndWrite },
      { object: "fence_token_seq", privileges: ["USAGE"] },
      { object: "floors", privileges: ["SELECT"] },
      { object: "job_id_seq", privileges: ["USAGE"] },
      { object: "jobs", privileges: ["SELECT"] },
      { object: "lanes", privileges: ["INSERT", "SELECT"] },
      { object: "leases", privileges: readAndWrite },
      { object: "marks", privileges: ["SELECT"] },
      { object: "ready", privileges: readAndWrite },
      { object: "schedules", privileges: readAndWrite },
      { object: "unique_keys", privileges: readAndWrite },
      { object: "upkeep", privileges: ["SELECT"] },
      { object: "workers", privileges: readAndWrite },
    ]);
  });
});

describe("row level security", () => {
  it("is enabled and forced on every table and partition", async () => {
    const { rows } = await db.super.query(
      `select c.relname
       from pg_class c
       where c.relnamespace = 'queue'::regnamespace
         and c.relkind in ('r', 'p')
         and not (c.relrowsecurity and c.relforcerowsecurity)`,
    );
    expect(rows).toEqual([]);
  });

  it("has a plain predicate in every policy, without a sub-select", async () => {
    const { rows } = await db.super.query(
      `select policyname from pg_policies where schemaname = 'queue' and concat(qual, with_check) ilike '%select%'`,
    );
    expect(rows).toEqual([]);
  });

  // Marks and upkeep belong to no tenant, and no tenant may look at them.
  it("leads every primary and unique key with the namespace, but those of what belongs to no tenant", async () => {
    const { rows } = await db.super.query(
      `select i.indexrelid::regclass::text as index
       from pg_index i
       join pg_class c on c.oid = i.indrelid and c.relnamespace = 'queue'::regnamespace and c.relkind in ('r', 'p')
       left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
       where i.indisunique
         and a.attname is distinct from 'namespace'
         and i.indrelid not in ('queue.marks'::regclass, 'queue.upkeep'::regclass)`,
    );
    expect(rows).toEqual([]);
  });
});

function readable(parameters: string): string {
  return parameters.replaceAll(/NULL::[a-z ]+(\[\])?/g, "NULL").replaceAll(" DEFAULT ", " = ");
}
