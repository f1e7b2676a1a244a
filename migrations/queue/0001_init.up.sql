-- schema.sql
do $$
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'queue needs a database in UTF8, this one is in %', current_setting('server_encoding')
      using errcode = '0A000';
  end if;
end
$$;

-- An administrator may have made it, empty, for an owner who may not create schemas: PostgreSQL asks for that right
-- even when there is nothing to create.
do $$
begin
  if to_regnamespace('queue') is null then
    create schema queue;
  end if;
end
$$;

comment on schema queue is 'Postkit queue: jobs, schedules, dead letters';

-- context/set_tenant.sql
-- queue.set_tenant: sets the tenant for the rest of the transaction.
--
-- Takes    p_tenant_id  the namespace
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023)
-- Example  select queue.set_tenant('acme');
create function queue.set_tenant(p_tenant_id text)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_namespace(p_tenant_id);
  perform set_config('postkit.tenant_id', p_tenant_id, true);
end
$$;

-- context/clear_tenant.sql
-- queue.clear_tenant: ends the tenant; reads find nothing and writes are refused until one is set again.
--
-- Example  select queue.clear_tenant();
create function queue.clear_tenant()
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform set_config('postkit.tenant_id', '', true);
end
$$;

-- context/set_actor.sql
-- queue.set_actor: names who acts; jobs of the rest of the transaction keep it.
--
-- Takes    p_actor_id      who acts: 'user:admin'
--          p_request_id    the request it happens in
--          p_on_behalf_of  for whom, when somebody acts for somebody else
--          p_reason        why
-- Example  select queue.set_actor('user:admin', p_reason => 'ticket 42');
create function queue.set_actor(
  p_actor_id text default null,
  p_request_id text default null,
  p_on_behalf_of text default null,
  p_reason text default null
)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform set_config('postkit.actor_id', coalesce(p_actor_id, ''), true);
  perform set_config('postkit.request_id', coalesce(p_request_id, ''), true);
  perform set_config('postkit.on_behalf_of', coalesce(p_on_behalf_of, ''), true);
  perform set_config('postkit.reason', coalesce(p_reason, ''), true);
end
$$;

-- context/clear_actor.sql
-- queue.clear_actor: ends what set_actor set.
--
-- Example  select queue.clear_actor();
create function queue.clear_actor()
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue.set_actor();
end
$$;

-- context/_rls_bypassed.sql
-- queue._rls_bypassed: whether row level security does not bind the current role.
create function queue._rls_bypassed()
returns boolean
language sql
stable
security invoker
set search_path = queue, pg_temp
as $$
  select r.rolsuper or r.rolbypassrls from pg_catalog.pg_roles r where r.rolname = current_user
$$;

-- context/assert_rls_active.sql
-- queue.assert_rls_active: refuses a role that row level security does not bind.
--
-- Raises   BIZ_RLS_NOT_ACTIVE (55000)
-- Example  select queue.assert_rls_active();
create function queue.assert_rls_active()
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if queue._rls_bypassed() then
    raise exception 'role % is a superuser or has BYPASSRLS: tenants are not kept apart', current_user
      using errcode = '55000', hint = 'postkit:queue:BIZ_RLS_NOT_ACTIVE';
  end if;
end
$$;

-- config/tables.sql
-- Settings of a queue, of a namespace, where queue is '', and of all, in namespace global: null inherits, column by
-- column and in that order.
create table queue.config (
  namespace text collate "C" not null,
  queue text collate "C" not null default '',
  archive_completed boolean,
  notify text collate "C",
  default_visibility_timeout interval,
  default_max_attempts int,
  backoff_kind text collate "C",
  backoff_base interval,
  backoff_factor numeric,
  backoff_max interval,
  backoff_jitter numeric,
  retention interval,
  paused_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint config_pkey primary key (namespace, queue),
  constraint config_notify_is_known check (notify in ('always', 'auto', 'off')),
  constraint config_visibility_timeout_is_positive check (default_visibility_timeout > interval '0'),
  constraint config_max_attempts_is_in_range check (default_max_attempts between 1 and 30),
  constraint config_backoff_kind_is_known check (backoff_kind in ('exponential', 'linear', 'constant')),
  constraint config_backoff_base_is_not_negative check (backoff_base >= interval '0'),
  constraint config_backoff_factor_is_at_least_one check (backoff_factor between 1 and 1000),
  constraint config_backoff_max_is_not_negative check (backoff_max >= interval '0'),
  constraint config_backoff_jitter_is_a_share check (backoff_jitter between 0 and 1),
  constraint config_retention_is_positive check (retention > interval '0'),
  -- What one tenant asks for is subtracted from the time of day for all of them.
  constraint config_intervals_are_within_the_calendar check (
    greatest(default_visibility_timeout, backoff_base, backoff_max, retention) <= interval '1000 years'
  ),
  constraint config_global_is_for_all_queues check (namespace <> 'global' or queue = ''),
  constraint config_global_is_complete check (
    namespace <> 'global'
    or (
      archive_completed is not null and notify is not null and default_visibility_timeout is not null
        and default_max_attempts is not null and backoff_kind is not null and backoff_base is not null
        and backoff_factor is not null and backoff_max is not null and backoff_jitter is not null
        and retention is not null and paused_at is null
    )
  )
);

comment on table queue.config is 'Settings by queue, by namespace, and for all; written by queue.set_config, pause_queue and resume_queue';

-- Whether there may be a queue whose completed jobs are kept. Its order leaves no other index for that look.
create index config_created_at_where_archived_idx on queue.config (namespace, created_at) where archive_completed;

alter table queue.config enable row level security;
alter table queue.config force row level security;

-- What is in namespace global is read by all and written by the owner's maintenance alone.
create policy config_tenant_isolation on queue.config
  using (namespace = nullif(current_setting('postkit.tenant_id', true), '') and namespace <> 'global')
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), '') and namespace <> 'global');

create policy config_global_read on queue.config for select
  using (namespace = 'global');

create policy config_maintenance on queue.config to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

-- config/install.sql
do $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
begin
  perform set_config('postkit.maintenance', 'on', true);
  insert into queue.config (
    namespace, archive_completed, notify, default_visibility_timeout, default_max_attempts,
    backoff_kind, backoff_base, backoff_factor, backoff_max, backoff_jitter, retention
  )
  values ('global', false, 'auto', '5 minutes', 3, 'exponential', '30 seconds', 2, '1 hour', 0, '7 days');
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
end
$$;

-- jobs/tables.sql
-- A job is in one of three tables until it has ended: ready to be taken, deferred until a time, or leased to a worker. It
-- moves by DELETE and INSERT, so that each table is as narrow as its state and has few indexes. Facts that most jobs do
-- without are null: scheduled_at and updated_at where they equal created_at, tags where there are none.

-- Ids of jobs, and positions in queue.ready. Positions are drawn inside the INSERT, which holds its lock on the table by
-- then, and one by one: what is known of positions in queue.floors relies on it. Never to be set back.
create sequence queue.job_id_seq;

-- Proves who holds a job: whoever took it later has a higher one. Never to be set back.
create sequence queue.fence_token_seq;

-- rank is minus the priority, so that the key is the order in which jobs are taken. position is the id for a new job;
-- one that comes back gets a negative one, which is before the new ones of its priority.
create table queue.ready (
  namespace text collate "C" not null,
  queue text collate "C" not null,
  rank int not null,
  position bigint not null,
  id bigint not null,
  attempts int not null,
  max_attempts int not null,
  payload jsonb not null,
  unique_key text collate "C",
  tags text[],
  metadata jsonb,
  error text,
  actor_id text,
  request_id text,
  on_behalf_of text,
  reason text,
  scheduled_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz,
  constraint ready_pkey primary key (namespace, queue, rank, position),
  constraint ready_rank_is_in_range check (rank between -1000 and 1000),
  constraint ready_attempts_are_not_negative check (attempts between 0 and 1000)
) with (
  fillfactor = 100,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 100000,
  autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = off,
  toast.autovacuum_vacuum_scale_factor = 0,
  toast.autovacuum_vacuum_threshold = 10000,
  toast.autovacuum_vacuum_cost_delay = 0,
  toast.vacuum_truncate = off
);

comment on table queue.ready is 'Jobs that may be taken now';

-- Finds by id what does not have it for a position.
create index ready_id_where_moved_idx on queue.ready (namespace, id) where position <> id;

alter table queue.ready enable row level security;
alter table queue.ready force row level security;

create policy ready_tenant_isolation on queue.ready
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy ready_maintenance on queue.ready to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

create table queue.deferred (
  namespace text collate "C" not null,
  id bigint not null,
  queue text collate "C" not null,
  priority int not null,
  attempts int not null,
  max_attempts int not null,
  payload jsonb not null,
  unique_key text collate "C",
  tags text[],
  metadata jsonb,
  error text,
  actor_id text,
  request_id text,
  on_behalf_of text,
  reason text,
  run_at timestamptz not null,
  created_at timestamptz not null,
  updated_at timestamptz,
  constraint deferred_pkey primary key (namespace, id),
  constraint deferred_priority_is_in_range check (priority between -1000 and 1000),
  constraint deferred_attempts_are_not_negative check (attempts between 0 and 1000)
) with (
  fillfactor = 100,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 100000,
  autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = off,
  toast.autovacuum_vacuum_scale_factor = 0,
  toast.autovacuum_vacuum_threshold = 10000,
  toast.autovacuum_vacuum_cost_delay = 0,
  toast.vacuum_truncate = off
);

comment on table queue.deferred is 'Jobs that may be taken from run_at on: delayed ones, and those that failed and are to be tried again';

-- Whether one is due, and when the next one will be.
create index deferred_run_at_idx on queue.deferred (namespace, queue, run_at);

-- The order in which due ones are taken.
create index deferred_order_idx on queue.deferred (namespace, queue, priority desc, run_at, id);

alter table queue.deferred enable row level security;
alter table queue.deferred force row level security;

create policy deferred_tenant_isolation on queue.deferred
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy deferred_maintenance on queue.deferred to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

create table queue.leases (
  namespace text collate "C" not null,
  id bigint not null,
  fence bigint not null,
  queue text collate "C" not null,
  priority int not null,
  attempts int not null,
  max_attempts int not null,
  payload jsonb not null,
  unique_key text collate "C",
  tags text[],
  metadata jsonb,
  error text,
  actor_id text,
  request_id text,
  on_behalf_of text,
  reason text,
  worker_id text not null,
  locked_at timestamptz not null,
  expires_at timestamptz not null,
  cancel_requested_at timestamptz,
  scheduled_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz,
  constraint leases_pkey primary key (namespace, id),
  constraint leases_priority_is_in_range check (priority between -1000 and 1000),
  constraint leases_attempts_are_positive check (attempts between 1 and 1001)
) with (
  fillfactor = 90,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 100000,
  autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = off,
  toast.autovacuum_vacuum_scale_factor = 0,
  toast.autovacuum_vacuum_threshold = 10000,
  toast.autovacuum_vacuum_cost_delay = 0,
  toast.vacuum_truncate = off
);

comment on table queue.leases is 'Jobs that a worker has taken, until expires_at';

-- For sweeps over all namespaces. Without the namespace, lest it be taken for the key where statistics say that there is
-- nothing.
create index leases_expires_at_idx on queue.leases (expires_at);

alter table queue.leases enable row level security;
alter table queue.leases force row level security;

create policy leases_tenant_isolation on queue.leases
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy leases_maintenance on queue.leases to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

create table queue.unique_keys (
  namespace text collate "C" not null,
  queue text collate "C" not null,
  key text collate "C" not null,
  job_id bigint not null,
  constraint unique_keys_pkey primary key (namespace, queue, key)
);

comment on table queue.unique_keys is 'Keys of jobs that have not ended';

alter table queue.unique_keys enable row level security;
alter table queue.unique_keys force row level security;

create policy unique_keys_tenant_isolation on queue.unique_keys
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy unique_keys_maintenance on queue.unique_keys to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

-- archive/tables.sql
create table queue.archive (
  namespace text collate "C" not null,
  id bigint not null,
  queue text collate "C" not null,
  status text collate "C" not null,
  priority int not null,
  attempts int not null,
  max_attempts int not null,
  payload jsonb not null,
  unique_key text collate "C",
  tags text[],
  metadata jsonb,
  error text,
  actor_id text,
  request_id text,
  on_behalf_of text,
  reason text,
  scheduled_at timestamptz,
  created_at timestamptz not null,
  finished_at timestamptz not null,
  constraint archive_pkey primary key (namespace, id, finished_at),
  constraint archive_status_is_terminal check (status in ('completed', 'dead', 'cancelled'))
) partition by range (finished_at);

comment on table queue.archive is 'Jobs that have ended: dead ones, and completed ones where archive_completed is set';

create table queue.archive_default partition of queue.archive default;

comment on table queue.archive_default is 'Takes jobs of a day that has no partition, so that none ever fails for want of one';

create index archive_queue_idx on queue.archive (namespace, queue, id);

-- Retention by queue, over all namespaces.
create index archive_finished_at_idx on queue.archive (finished_at);

alter table queue.archive enable row level security;
alter table queue.archive force row level security;
alter table queue.archive_default enable row level security;
alter table queue.archive_default force row level security;

create policy archive_tenant_isolation on queue.archive
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy archive_maintenance on queue.archive to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

-- dead_letters/tables.sql
create table queue.dead_letters (
  namespace text collate "C" not null,
  id bigint generated always as identity,
  original_job_id bigint not null,
  queue text collate "C" not null,
  priority int not null,
  attempts int not null,
  max_attempts int not null,
  payload jsonb not null,
  tags text[] not null default '{}',
  metadata jsonb,
  reason_code text collate "C" not null,
  last_error text,
  actor_id text,
  request_id text,
  on_behalf_of text,
  reason text,
  retry_job_id bigint,
  failed_at timestamptz not null,
  retried_at timestamptz,
  created_at timestamptz not null default now(),
  constraint dead_letters_pkey primary key (namespace, id),
  constraint dead_letters_reason_code_is_known check (reason_code in ('attempts', 'failed', 'timeout')),
  constraint dead_letters_retry_is_whole check ((retried_at is null) = (retry_job_id is null))
);

comment on table queue.dead_letters is 'Jobs that will not be tried again unless somebody asks for it';
comment on column queue.dead_letters.reason_code is 'attempts: used up; failed: given up by its worker; timeout: used up, and the last one ran out of time';

-- Pages of a queue.
create index dead_letters_queue_id_idx on queue.dead_letters (namespace, queue, id);

create index dead_letters_queue_idx on queue.dead_letters (namespace, queue, failed_at desc, id desc);

create index dead_letters_queue_where_waiting_idx on queue.dead_letters (namespace, queue, failed_at, id)
  where retried_at is null;

-- Retention by queue, over all namespaces.
create index dead_letters_retried_at_idx on queue.dead_letters (retried_at) where retried_at is not null;

-- The time first: with the namespace first it is taken for the primary key while the table is empty.
create index dead_letters_failed_at_idx on queue.dead_letters (failed_at, namespace);

alter table queue.dead_letters enable row level security;
alter table queue.dead_letters force row level security;

create policy dead_letters_tenant_isolation on queue.dead_letters
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy dead_letters_maintenance on queue.dead_letters to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

-- schedules/tables.sql
create table queue.schedules (
  namespace text collate "C" not null,
  id bigint generated always as identity,
  name text collate "C" not null,
  queue text collate "C" not null,
  payload jsonb not null,
  priority int not null default 0,
  max_attempts int not null default 3,
  tags text[] not null default '{}',
  metadata jsonb,
  cron_expression text,
  cron_timezone text default 'UTC',
  every_interval interval,
  catch_up text collate "C" not null default 'one',
  catch_up_max int not null default 100,
  overlap text collate "C" not null default 'allow',
  is_active boolean not null default true,
  last_job_id bigint,
  run_count bigint not null default 0,
  last_error text,
  consecutive_failures int not null default 0,
  last_run_at timestamptz,
  next_run_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint schedules_pkey primary key (namespace, id),
  constraint schedules_name_is_unique unique (namespace, name),
  constraint schedules_has_one_kind check (num_nonnulls(cron_expression, every_interval) = 1),
  constraint schedules_cron_has_timezone check (cron_expression is null or cron_timezone is not null),
  constraint schedules_priority_is_in_range check (priority between -1000 and 1000),
  constraint schedules_max_attempts_is_in_range check (max_attempts between 1 and 30),
  constraint schedules_interval_is_positive check (every_interval > interval '0'),
  constraint schedules_catch_up_is_known check (catch_up in ('none', 'one', 'all')),
  constraint schedules_catch_up_max_is_in_range check (catch_up_max between 1 and 1000),
  constraint schedules_overlap_is_known check (overlap in ('allow', 'skip')),
  constraint schedules_paused_has_no_next_run check (is_active or next_run_at is null)
);

comment on table queue.schedules is 'Jobs that are pushed again and again, by a cron expression or an interval';

create index schedules_next_run_at_where_active_idx on queue.schedules (namespace, next_run_at) where is_active;

-- Ticks over all namespaces.
create index schedules_next_run_at_global_where_active_idx on queue.schedules (next_run_at) where is_active;

alter table queue.schedules enable row level security;
alter table queue.schedules force row level security;

create policy schedules_tenant_isolation on queue.schedules
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy schedules_maintenance on queue.schedules to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

-- floors/tables.sql
-- Where the jobs of a queue begin. Rows that were taken stay in the index of queue.ready for as long as an old transaction
-- may see them; to begin behind them keeps the pace. All of it is written by queue.maintain, but lanes, and nothing is
-- updated, since old versions of these rows would be in the way as well.

-- Queues and priorities in which jobs were taken. Without a key over these alone: nobody is to wait for another's.
create table queue.lanes (
  namespace text collate "C" not null,
  queue text collate "C" not null,
  rank int not null,
  id bigint not null,
  created_at timestamptz not null default now(),
  constraint lanes_pkey primary key (namespace, queue, rank, id),
  constraint lanes_rank_is_in_range check (rank between -1000 and 1000)
);

comment on table queue.lanes is 'Queues and priorities in which jobs were taken';

-- How far positions were drawn at a moment, and who had a transaction open that may have drawn some of them. No lease has
-- a deadline up to expires_after, nor will have, but for what the next look at all of them finds, minutes after all_from.
create table queue.marks (
  id bigint generated always as identity,
  position bigint not null,
  transactions text[] not null,
  expires_after timestamptz not null,
  all_from timestamptz not null,
  created_at timestamptz not null,
  constraint marks_pkey primary key (id)
);

comment on table queue.marks is 'Positions up to which every job is there or will never be, once these transactions have ended';

-- The newest row of a queue holds the ranges of (rank, position) in which there are jobs, both ends excluded. For each lane
-- that has a floor there are two: of jobs that came back, and of new ones up to the next lane.
create table queue.floors (
  namespace text collate "C" not null,
  queue text collate "C" not null,
  id bigint generated always as identity,
  from_ranks int[] not null,
  from_positions bigint[] not null,
  to_ranks int[] not null,
  to_positions bigint[] not null,
  constraint floors_pkey primary key (namespace, queue, id)
);

comment on table queue.floors is 'Where the jobs of a queue begin, behind those that were taken';

alter table queue.lanes enable row level security;
alter table queue.lanes force row level security;

create policy lanes_tenant_isolation on queue.lanes
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy lanes_maintenance on queue.lanes to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

alter table queue.floors enable row level security;
alter table queue.floors force row level security;

create policy floors_tenant_isolation on queue.floors
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy floors_maintenance on queue.floors to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

alter table queue.marks enable row level security;
alter table queue.marks force row level security;

create policy marks_maintenance on queue.marks to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

-- maintenance/tables.sql
-- One row: when queue.maintain ran last, and where it left off. Whoever has it locked is at it.
create table queue.upkeep (
  id int not null default 1,
  ran_at timestamptz not null default '-infinity',
  lane_namespace text collate "C" not null default '',
  lane_queue text collate "C" not null default '',
  constraint upkeep_pkey primary key (id),
  constraint upkeep_is_one_row check (id = 1)
) with (fillfactor = 10);

comment on table queue.upkeep is 'When queue.maintain ran last, and the queue whose floors it looked after last';

alter table queue.upkeep enable row level security;
alter table queue.upkeep force row level security;

create policy upkeep_maintenance on queue.upkeep to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

do $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
begin
  perform set_config('postkit.maintenance', 'on', true);
  insert into queue.upkeep default values;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
end
$$;

-- workers/tables.sql
-- Who works on which queues, so that a push knows whether somebody waits for it. A worker that goes over all namespaces
-- is in namespace ''. Written when a worker starts, ends, or has changed between waiting and working for a while.
create table queue.workers (
  namespace text collate "C" not null,
  queue text collate "C" not null,
  worker_id text collate "C" not null,
  is_waiting boolean not null,
  seen_at timestamptz not null,
  constraint workers_pkey primary key (namespace, queue, worker_id)
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 500,
  autovacuum_vacuum_cost_delay = 0
);

comment on table queue.workers is 'Workers that are alive, by queue, and whether they wait for a notification';

alter table queue.workers enable row level security;
alter table queue.workers force row level security;

create policy workers_tenant_isolation on queue.workers
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy workers_of_all_namespaces_read on queue.workers for select
  using (namespace = '');

create policy workers_maintenance on queue.workers to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

-- context/_is_maintenance.sql
-- queue._is_maintenance: whether the owner has lifted row level security for himself.
create function queue._is_maintenance()
returns boolean
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return coalesce(current_setting('postkit.maintenance', true), '') = 'on'
    and pg_has_role(
      (select c.relowner from pg_catalog.pg_class c where c.oid = 'queue.ready'::regclass), 'usage'
    );
end
$$;

-- context/_is_tenant.sql
-- queue._is_tenant: whether rows of a namespace are within reach: it is the tenant, or row level security is off, as for
-- the owner while postkit.maintenance is 'on'.
create function queue._is_tenant(p_namespace text)
returns boolean
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return current_setting('postkit.tenant_id', true) is not distinct from p_namespace
    or queue._rls_bypassed()
    or queue._is_maintenance();
end
$$;

-- context/_assert_tenant_set.sql
-- queue._assert_tenant_set: refuses a write without any tenant, by a role that row level security binds.
--
-- Raises   BIZ_TENANT_NOT_SET (42501)
create function queue._assert_tenant_set()
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if coalesce(current_setting('postkit.tenant_id', true), '') = '' and not queue._rls_bypassed() then
    raise exception 'no tenant is set: call queue.set_tenant first'
      using errcode = '42501', hint = 'postkit:queue:BIZ_TENANT_NOT_SET';
  end if;
end
$$;

-- context/_assert_tenant.sql
-- queue._assert_tenant: refuses a new row outside the tenant, before a policy would do so without saying why.
--
-- Raises   BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
create function queue._assert_tenant(p_namespace text)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if queue._is_tenant(p_namespace) then
    return;
  end if;
  perform queue._assert_tenant_set();
  raise exception 'namespace is not the tenant of this transaction'
    using errcode = '42501', hint = 'postkit:queue:BIZ_TENANT_MISMATCH';
end
$$;

-- context/_warn_namespace_mismatch.sql
-- queue._warn_namespace_mismatch: tells why a read outside the tenant finds nothing.
create function queue._warn_namespace_mismatch(p_namespace text)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_tenant text := nullif(current_setting('postkit.tenant_id', true), '');
begin
  if v_tenant = p_namespace then
    return;
  end if;
  if v_tenant is not null then
    raise warning 'namespace is not the tenant of this transaction: nothing of it is visible';
  elsif not queue._rls_bypassed() then
    raise warning 'no tenant is set: nothing is visible';
  end if;
end
$$;

-- validation/_name_violation.sql
-- queue._name_violation: what is wrong with a name, as the end of its code; null when nothing is.
--
-- Takes    p_max_len  the most characters it may have
-- Returns  NULL, EMPTY, TOO_LONG, INVALID_CHARS or WHITESPACE
create function queue._name_violation(p_value text, p_max_len int)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
begin
  return case
    when p_value is null then 'NULL'
    when btrim(p_value) = '' then 'EMPTY'
    when length(p_value) > p_max_len then 'TOO_LONG'
    when p_value collate "C" ~ '[\u0001-\u001f\u007f\u0085\u2028\u2029]' then 'INVALID_CHARS'
    when p_value <> btrim(p_value) then 'WHITESPACE'
  end;
end
$$;

-- validation/_refuse_name.sql
-- queue._refuse_name: raises what queue._name_violation found.
--
-- Takes    p_violation  NULL, EMPTY, TOO_LONG, INVALID_CHARS or WHITESPACE
--          p_field      the name of the field in the message
--          p_prefix     the kind the code begins with: VAL_NAMESPACE, VAL_QUEUE, VAL_SCHEDULE_NAME
--          p_max_len    the most characters it may have
-- Raises   <prefix>_NULL (22004) · <prefix>_EMPTY (22026) · <prefix>_TOO_LONG (22001) · <prefix>_INVALID_CHARS (22023)
--          · <prefix>_WHITESPACE (22023)
create function queue._refuse_name(p_violation text, p_field text, p_prefix text, p_max_len int)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  raise exception '%', case p_violation
      when 'NULL' then p_field || ' is null'
      when 'EMPTY' then p_field || ' is empty'
      when 'TOO_LONG' then p_field || ' is longer than ' || p_max_len || ' characters'
      when 'INVALID_CHARS' then p_field || ' contains a control character or a line separator'
      else p_field || ' begins or ends with a space'
    end
    using errcode = case p_violation
        when 'NULL' then '22004'
        when 'EMPTY' then '22026'
        when 'TOO_LONG' then '22001'
        else '22023'
      end,
      hint = 'postkit:queue:' || p_prefix || '_' || p_violation;
end
$$;

-- validation/_validate_namespace.sql
-- queue._validate_namespace: refuses what cannot be a namespace.
--
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023)
create function queue._validate_namespace(p_value text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_violation text := queue._name_violation(p_value, 1024);
begin
  if v_violation is not null then
    perform queue._refuse_name(v_violation, 'namespace', 'VAL_NAMESPACE', 1024);
  end if;
end
$$;

-- validation/_validate_queue_name.sql
-- queue._validate_queue_name: refuses what cannot be a queue's name.
--
-- Raises   VAL_QUEUE_NULL (22004) · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001)
--          · VAL_QUEUE_INVALID_CHARS (22023) · VAL_QUEUE_WHITESPACE (22023)
create function queue._validate_queue_name(p_value text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_violation text := queue._name_violation(p_value, 256);
begin
  if v_violation is not null then
    perform queue._refuse_name(v_violation, 'queue', 'VAL_QUEUE', 256);
  end if;
end
$$;

-- validation/_validate_schedule_name.sql
-- queue._validate_schedule_name: refuses what cannot be a schedule's name.
--
-- Raises   VAL_SCHEDULE_NAME_NULL (22004) · VAL_SCHEDULE_NAME_EMPTY (22026) · VAL_SCHEDULE_NAME_TOO_LONG (22001)
--          · VAL_SCHEDULE_NAME_INVALID_CHARS (22023) · VAL_SCHEDULE_NAME_WHITESPACE (22023)
create function queue._validate_schedule_name(p_value text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_violation text := queue._name_violation(p_value, 256);
begin
  if v_violation is not null then
    perform queue._refuse_name(v_violation, 'name', 'VAL_SCHEDULE_NAME', 256);
  end if;
end
$$;

-- validation/_validate_key_size.sql
-- queue._validate_key_size: refuses names that together are longer than a key of an index can be.
--
-- Takes   p_name  a further part of the key; null for none
-- Raises   VAL_KEY_TOO_LONG (22001)
create function queue._validate_key_size(p_namespace text, p_queue text, p_name text default null)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if octet_length(p_namespace) + octet_length(p_queue) + coalesce(octet_length(p_name), 0) > 2500 then
    raise exception 'namespace, queue and key together are longer than 2500 bytes'
      using errcode = '22001', hint = 'postkit:queue:VAL_KEY_TOO_LONG';
  end if;
end
$$;

-- validation/_validate_names.sql
-- queue._validate_names: refuses what cannot be a namespace or a queue's name, in one call for what runs often.
--
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001)
create function queue._validate_names(p_namespace text, p_queue text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  -- Nearly all names are made of these, and no longer.
  if p_namespace collate "C" ~ '^[!-~]+$'
    and p_queue collate "C" ~ '^[!-~]+$'
    and octet_length(p_namespace) <= 256
    and octet_length(p_queue) <= 256
  then
    return;
  end if;
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_queue_name(p_queue);
  perform queue._validate_key_size(p_namespace, p_queue);
end
$$;

-- validation/_validate_priority.sql
-- queue._validate_priority: refuses a priority that is not from -1000 to 1000; null stands for 0.
--
-- Raises   VAL_PRIORITY_RANGE (22023)
create function queue._validate_priority(p_priority int)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_priority not between -1000 and 1000 then
    raise exception 'priority is %, it must be from -1000 to 1000', p_priority
      using errcode = '22023', hint = 'postkit:queue:VAL_PRIORITY_RANGE';
  end if;
end
$$;

-- validation/_validate_max_attempts.sql
-- queue._validate_max_attempts: refuses a number of attempts that is not from 1 to 30; null stands for the setting.
--
-- Raises   VAL_MAX_ATTEMPTS_RANGE (22023)
create function queue._validate_max_attempts(p_max_attempts int)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_max_attempts not between 1 and 30 then
    raise exception 'max_attempts is %, it must be from 1 to 30', p_max_attempts
      using errcode = '22023', hint = 'postkit:queue:VAL_MAX_ATTEMPTS_RANGE';
  end if;
end
$$;

-- validation/_validate_payload.sql
-- queue._validate_payload: refuses a payload that is null; the JSON value null is one.
--
-- Raises   VAL_PAYLOAD_NULL (22004)
create function queue._validate_payload(p_payload jsonb)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_payload is null then
    raise exception 'payload is null'
      using errcode = '22004', hint = 'postkit:queue:VAL_PAYLOAD_NULL';
  end if;
end
$$;

-- validation/_validate_positive_int.sql
-- queue._validate_positive_int: refuses a number that is null or below 1.
--
-- Raises   VAL_NOT_POSITIVE (22023)
create function queue._validate_positive_int(p_value int, p_name text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_value is null or p_value <= 0 then
    raise exception '% must be at least 1', p_name
      using errcode = '22023', hint = 'postkit:queue:VAL_NOT_POSITIVE';
  end if;
end
$$;

-- validation/_validate_limit.sql
-- queue._validate_limit: refuses a limit that is not from 1 to the most there may be.
--
-- Raises   VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
create function queue._validate_limit(p_value int, p_name text default 'limit', p_max int default 1000)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_positive_int(p_value, p_name);
  if p_value > p_max then
    raise exception '% is %, the most is %', p_name, p_value, p_max
      using errcode = '22023', hint = 'postkit:queue:VAL_LIMIT_TOO_LARGE';
  end if;
end
$$;

-- validation/_validate_batch_size.sql
-- queue._validate_batch_size: refuses an array with more elements than one call may have.
--
-- Raises   VAL_BATCH_TOO_LARGE (22023)
create function queue._validate_batch_size(p_size int, p_name text, p_max int default 1000)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_size > p_max then
    raise exception '% has % elements, the most is %', p_name, p_size, p_max
      using errcode = '22023', hint = 'postkit:queue:VAL_BATCH_TOO_LARGE';
  end if;
end
$$;

-- validation/_validate_job_id.sql
-- queue._validate_job_id: refuses a job id that is null.
--
-- Raises   VAL_JOB_ID_NULL (22004)
create function queue._validate_job_id(p_value bigint)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_value is null then
    raise exception 'job_id is null'
      using errcode = '22004', hint = 'postkit:queue:VAL_JOB_ID_NULL';
  end if;
end
$$;

-- validation/_validate_fence.sql
-- queue._validate_fence: refuses a fence that is null.
--
-- Raises   VAL_FENCE_NULL (22004)
create function queue._validate_fence(p_value bigint)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_value is null then
    raise exception 'fence is null'
      using errcode = '22004', hint = 'postkit:queue:VAL_FENCE_NULL';
  end if;
end
$$;

-- validation/_validate_interval_size.sql
-- queue._validate_interval_size: refuses an interval that would lead out of the calendar.
--
-- Raises   VAL_INTERVAL_TOO_LARGE (22023)
create function queue._validate_interval_size(p_value interval, p_name text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_value > interval '1000 years' or p_value < interval '-1000 years' then
    raise exception '% is longer than 1000 years', p_name
      using errcode = '22023', hint = 'postkit:queue:VAL_INTERVAL_TOO_LARGE';
  end if;
end
$$;

-- validation/_validate_run_at.sql
-- queue._validate_run_at: refuses a time that is not of this calendar: infinity, from which nothing can be subtracted.
--
-- Raises   VAL_INTERVAL_TOO_LARGE (22023)
create function queue._validate_run_at(p_value timestamptz)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_value not between now() - interval '1000 years' and now() + interval '1000 years' then
    raise exception 'run_at is more than 1000 years away'
      using errcode = '22023', hint = 'postkit:queue:VAL_INTERVAL_TOO_LARGE';
  end if;
end
$$;

-- validation/_validate_visibility_timeout.sql
-- queue._validate_visibility_timeout: refuses a time-out that is not positive; null stands for the setting.
--
-- Raises   VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
create function queue._validate_visibility_timeout(p_value interval)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_value <= interval '0' then
    raise exception 'visibility_timeout must be longer than nothing'
      using errcode = '22023', hint = 'postkit:queue:VAL_INTERVAL_NOT_POSITIVE';
  end if;
  perform queue._validate_interval_size(p_value, 'visibility_timeout');
end
$$;

-- validation/_validate_job.sql
-- queue._validate_job: refuses what cannot be pushed, in one call.
--
-- Raises   what queue._validate_names, queue._validate_priority, queue._validate_max_attempts, queue._validate_payload,
--          queue._validate_key_size, queue._assert_tenant, queue._validate_interval_size and queue._validate_run_at raise
--          · VAL_DELAY_AND_RUN_AT (22023)
create function queue._validate_job(
  p_namespace text,
  p_queue text,
  p_payload jsonb,
  p_priority int,
  p_max_attempts int,
  p_unique_key text,
  p_delay interval default null,
  p_run_at timestamptz default null
)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_names(p_namespace, p_queue);
  -- Tested here, since a call costs more than what it does.
  if p_priority not between -1000 and 1000 then
    perform queue._validate_priority(p_priority);
  end if;
  if p_max_attempts not between 1 and 30 then
    perform queue._validate_max_attempts(p_max_attempts);
  end if;
  if p_payload is null then
    perform queue._validate_payload(p_payload);
  end if;
  if p_unique_key is not null then
    perform queue._validate_key_size(p_namespace, p_queue, p_unique_key);
  end if;
  if current_setting('postkit.tenant_id', true) is distinct from p_namespace then
    perform queue._assert_tenant(p_namespace);
  end if;
  if p_delay is not null then
    if p_run_at is not null then
      raise exception 'a job has a delay or a run_at, not both'
        using errcode = '22023', hint = 'postkit:queue:VAL_DELAY_AND_RUN_AT';
    end if;
    perform queue._validate_interval_size(p_delay, 'delay');
  end if;
  if p_run_at is not null then
    perform queue._validate_run_at(p_run_at);
  end if;
end
$$;

-- validation/_validate_queues.sql
-- queue._validate_queues: refuses what cannot be names of queues; no queues are allowed.
--
-- Raises   what queue._validate_names raises · VAL_QUEUE_NULL (22004) · VAL_BATCH_TOO_LARGE (22023)
create function queue._validate_queues(p_namespace text, p_queues text[])
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_queue text;
begin
  if p_queues is null or p_queues = '{}' then
    perform queue._validate_namespace(p_namespace);
  end if;
  if p_queues is null then
    perform queue._validate_queue_name(null);
  end if;
  -- Tested here, since a call costs more than what it does.
  if cardinality(p_queues) > 1000 then
    perform queue._validate_batch_size(cardinality(p_queues), 'queues');
  end if;
  foreach v_queue in array p_queues loop
    perform queue._validate_names(p_namespace, v_queue);
  end loop;
end
$$;

-- validation/_validate_pull.sql
-- queue._validate_pull: refuses a time-out that is not positive, and tells why a pull outside the tenant finds nothing.
--
-- Raises   VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
create function queue._validate_pull(p_namespace text, p_visibility_timeout interval)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  -- Tested here, since a call costs more than what it does.
  if p_visibility_timeout not between interval '1 microsecond' and interval '1000 years' then
    perform queue._validate_visibility_timeout(p_visibility_timeout);
  end if;
  if current_setting('postkit.tenant_id', true) is distinct from p_namespace then
    perform queue._warn_namespace_mismatch(p_namespace);
  end if;
end
$$;

-- validation/_validate_settlement.sql
-- queue._validate_settlement: refuses what cannot be ids of jobs with their fences.
--
-- Raises   VAL_ACK_BATCH_LENGTH (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_JOB_ID_NULL (22004)
--          · VAL_FENCE_NULL (22004) · VAL_ACK_BATCH_DUPLICATE_JOB (22023)
create function queue._validate_settlement(p_job_ids bigint[], p_fences bigint[])
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_job_ids is null and p_fences is null or p_job_ids = '{}' and p_fences = '{}' then
    return;
  end if;
  if (p_job_ids is null) <> (p_fences is null) or cardinality(p_job_ids) <> cardinality(p_fences) then
    raise exception 'job_ids and fences must have the same number of elements'
      using errcode = '22023', hint = 'postkit:queue:VAL_ACK_BATCH_LENGTH';
  end if;
  -- Tested here, since a call costs more than what it does.
  if cardinality(p_job_ids) > 1000 then
    perform queue._validate_batch_size(cardinality(p_job_ids), 'job_ids');
  end if;
  if array_position(p_job_ids, null) is not null then
    perform queue._validate_job_id(null);
  end if;
  if array_position(p_fences, null) is not null then
    perform queue._validate_fence(null);
  end if;
  if cardinality(p_job_ids) > 1 then
    if cardinality(p_job_ids) > (select count(distinct j.id) from unnest(p_job_ids) j (id)) then
      raise exception 'job_ids names a job twice'
        using errcode = '22023', hint = 'postkit:queue:VAL_ACK_BATCH_DUPLICATE_JOB';
    end if;
  end if;
end
$$;

-- validation/_validate_outcomes.sql
-- queue._validate_outcomes: refuses outcomes that are unknown or not one for each job, and delays that are too long.
--
-- Raises   VAL_ACK_BATCH_LENGTH (22023) · VAL_OUTCOME_UNKNOWN (22023) · VAL_INTERVAL_TOO_LARGE (22023)
create function queue._validate_outcomes(p_count int, p_outcomes text[], p_errors text[], p_delays interval[])
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if coalesce(cardinality(p_outcomes), 0) <> coalesce(p_count, 0)
    or cardinality(p_errors) <> p_count
    or cardinality(p_delays) <> p_count
  then
    raise exception 'outcomes, errors and delays must have as many elements as job_ids'
      using errcode = '22023', hint = 'postkit:queue:VAL_ACK_BATCH_LENGTH';
  end if;
  if array_position(p_outcomes, null) is not null
    or not p_outcomes <@ array['ack', 'nack', 'fail', 'release', 'release_uncounted', 'cancel']
  then
    raise exception 'an outcome must be ack, nack, fail, release, release_uncounted or cancel'
      using errcode = '22023', hint = 'postkit:queue:VAL_OUTCOME_UNKNOWN';
  end if;
  perform queue._validate_interval_size(d.delay, 'delay')
  from unnest(p_delays) d (delay);
end
$$;

-- validation/_validate_tick.sql
-- queue._validate_tick: refuses a limit out of range, and all namespaces for a role that may not see them.
--
-- Raises   VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
--          · BIZ_ALL_NAMESPACES_REQUIRES_BYPASS (42501)
create function queue._validate_tick(p_namespace text, p_limit int)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_limit(p_limit);
  if p_namespace is not null then
    perform queue._validate_namespace(p_namespace);
    perform queue._validate_pull(p_namespace, null);
  elsif not (queue._rls_bypassed() or queue._is_maintenance()) then
    raise exception 'all namespaces are only for roles that row level security does not bind'
      using errcode = '42501', hint = 'postkit:queue:BIZ_ALL_NAMESPACES_REQUIRES_BYPASS';
  end if;
end
$$;

-- validation/_validate_worker_id.sql
-- queue._validate_worker_id: refuses a worker's name that is null, empty or longer than 256 characters.
--
-- Raises   VAL_WORKER_ID_INVALID (22023)
create function queue._validate_worker_id(p_value text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if coalesce(p_value, '') = '' or length(p_value) > 256 then
    raise exception 'worker_id must have 1 to 256 characters'
      using errcode = '22023', hint = 'postkit:queue:VAL_WORKER_ID_INVALID';
  end if;
end
$$;

-- context/_assert_readable.sql
-- queue._assert_readable: refuses to read of no namespace, and tells why a read outside the tenant finds nothing.
--
-- Raises   VAL_NAMESPACE_NULL (22004)
create function queue._assert_readable(p_namespace text)
returns void
language plpgsql
stable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_namespace is null then
    perform queue._validate_namespace(p_namespace);
  end if;
  perform queue._warn_namespace_mismatch(p_namespace);
end
$$;

-- config/_get_config.sql
-- queue._get_config: the settings in force for a queue, or without one for a namespace.
--
-- Takes    p_queue  '' for what is set for the namespace
-- Returns  a row in which only paused_at may be null
create function queue._get_config(p_namespace text, p_queue text)
returns queue.config
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_config queue.config;
begin
  select p_namespace, p_queue,
    coalesce(q.archive_completed, n.archive_completed, g.archive_completed),
    coalesce(q.notify, n.notify, g.notify),
    coalesce(q.default_visibility_timeout, n.default_visibility_timeout, g.default_visibility_timeout),
    coalesce(q.default_max_attempts, n.default_max_attempts, g.default_max_attempts),
    coalesce(q.backoff_kind, n.backoff_kind, g.backoff_kind),
    coalesce(q.backoff_base, n.backoff_base, g.backoff_base),
    coalesce(q.backoff_factor, n.backoff_factor, g.backoff_factor),
    coalesce(q.backoff_max, n.backoff_max, g.backoff_max),
    coalesce(q.backoff_jitter, n.backoff_jitter, g.backoff_jitter),
    coalesce(q.retention, n.retention, g.retention),
    coalesce(q.paused_at, n.paused_at),
    least(q.created_at, n.created_at, g.created_at),
    greatest(q.updated_at, n.updated_at, g.updated_at)
  into v_config
  from queue.config g
  left join queue.config n on n.namespace = p_namespace and n.queue = ''
  left join queue.config q on q.namespace = p_namespace and q.queue = p_queue
  where g.namespace = 'global' and g.queue = '';
  return v_config;
end
$$;

-- config/_default_max_attempts.sql
-- queue._default_max_attempts: how often a job of a queue is tried that does not say so itself.
create function queue._default_max_attempts(p_namespace text, p_queue text)
returns int
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return (
    select coalesce(q.default_max_attempts, n.default_max_attempts, g.default_max_attempts)
    from queue.config g
    left join queue.config n on n.namespace = p_namespace and n.queue = ''
    left join queue.config q on q.namespace = p_namespace and q.queue = p_queue
    where g.namespace = 'global' and g.queue = ''
  );
end
$$;

-- config/_is_archived.sql
-- queue._is_archived: whether completed jobs of a queue are kept.
create function queue._is_archived(p_namespace text, p_queue text)
returns boolean
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return (
    select coalesce(q.archive_completed, n.archive_completed, g.archive_completed)
    from queue.config g
    left join queue.config n on n.namespace = p_namespace and n.queue = ''
    left join queue.config q on q.namespace = p_namespace and q.queue = p_queue
    where g.namespace = 'global' and g.queue = ''
  );
end
$$;

-- config/_archives_completed.sql
-- queue._archives_completed: whether there may be a queue in a namespace whose completed jobs are kept.
create function queue._archives_completed(p_namespace text)
returns boolean
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return (select c.archive_completed from queue.config c where c.namespace = 'global' and c.queue = '')
    or (
      select c.archive_completed
      from queue.config c
      where c.namespace = p_namespace and c.archive_completed
      order by c.created_at
      limit 1
    ) is not null;
end
$$;

-- config/_backoff.sql
-- queue._backoff: how long a job waits after its n-th failed attempt, without jitter.
--
-- Takes    p_kind     exponential: the base times the factor to the power of n - 1; linear: the base times n; constant
--          p_attempt  n, from 1
create function queue._backoff(p_kind text, p_attempt int, p_base interval, p_factor numeric, p_max interval)
returns interval
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_base_seconds double precision := extract(epoch from p_base);
  v_max_seconds double precision := extract(epoch from p_max);
begin
  -- In seconds, which saturate: an interval would overflow long before the cap is applied.
  return make_interval(secs => least(
    v_max_seconds,
    case p_kind
      when 'exponential' then v_base_seconds * p_factor::double precision ^ least(greatest(p_attempt, 1) - 1, 60)
      when 'linear' then v_base_seconds * greatest(p_attempt, 1)
      else v_base_seconds
    end
  ));
end
$$;

-- config/_calculate_backoff.sql
-- queue._calculate_backoff: how long a job waits after its n-th failed attempt: the base doubled each time, up to a cap.
--
-- Takes    p_attempt  from 1
-- Example  select queue._calculate_backoff(3); -- 2 minutes
create function queue._calculate_backoff(
  p_attempt int,
  p_base_delay interval default '30 seconds',
  p_max_delay interval default '1 hour'
)
returns interval
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return queue._backoff('exponential', p_attempt, p_base_delay, 2, p_max_delay);
end
$$;

-- config/_retry_delay.sql
-- queue._retry_delay: how long a job of a queue waits after its n-th failed attempt, as the queue's settings say.
--
-- The jitter is the share of the delay that is left to chance: with 0.5 a delay is between a half and the whole of it.
create function queue._retry_delay(p_namespace text, p_queue text, p_attempt int)
returns interval
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_config queue.config := queue._get_config(p_namespace, p_queue);
begin
  return queue._backoff(
    v_config.backoff_kind, p_attempt, v_config.backoff_base, v_config.backoff_factor, v_config.backoff_max
  ) * (1 - random() * v_config.backoff_jitter::double precision);
end
$$;

-- config/_assert_config_writable.sql
-- queue._assert_config_writable: refuses to change settings outside the tenant, and those for all tenants.
--
-- Takes    p_queue  '' for those of the namespace
--
-- Raises   VAL_CONFIG_INVALID (22023) · BIZ_GLOBAL_PROTECTED (42501) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
create function queue._assert_config_writable(p_namespace text, p_queue text)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_namespace = 'global' and not (queue._rls_bypassed() or queue._is_maintenance()) then
    raise exception 'settings of namespace global are for all tenants: only the owner in maintenance may change them'
      using errcode = '42501', hint = 'postkit:queue:BIZ_GLOBAL_PROTECTED';
  end if;
  if p_namespace = 'global' and p_queue <> '' then
    raise exception 'settings of namespace global are for all queues'
      using errcode = '22023', hint = 'postkit:queue:VAL_CONFIG_INVALID';
  end if;
  perform queue._assert_tenant(p_namespace);
end
$$;

-- config/get_config.sql
-- queue.get_config: the settings in force for a queue, or without one for the queues of a namespace that have none.
--
-- Returns  one row: each setting from the queue's own, else the namespace's, else that for all
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001)
--          · VAL_QUEUE_INVALID_CHARS (22023) · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001)
-- Example  select default_max_attempts, notify from queue.get_config('acme', 'email');
create function queue.get_config(p_namespace text, p_queue text default null)
returns table (
  archive_completed boolean,
  notify text,
  default_visibility_timeout interval,
  default_max_attempts int,
  backoff_kind text,
  backoff_base interval,
  backoff_factor numeric,
  backoff_max interval,
  backoff_jitter numeric,
  retention interval,
  paused_at timestamptz
)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._assert_readable(p_namespace);
  if p_queue is not null then
    perform queue._validate_names(p_namespace, p_queue);
  end if;
  return query
    select c.archive_completed, c.notify, c.default_visibility_timeout, c.default_max_attempts, c.backoff_kind,
      c.backoff_base, c.backoff_factor, c.backoff_max, c.backoff_jitter, c.retention, c.paused_at
    from queue._get_config(p_namespace, coalesce(p_queue, '')) c;
end
$$;

-- config/set_config.sql
-- queue.set_config: changes settings of a queue, or without one of all queues of a namespace.
--
-- Takes    p_settings  an object of what is to change, null to inherit again: archive_completed, whether completed jobs
--                      are kept; notify: always, auto or off; default_visibility_timeout; default_max_attempts, 1 to 30;
--                      backoff_kind: exponential, linear or constant; backoff_base; backoff_factor, 1 to 1000;
--                      backoff_max; backoff_jitter, 0 to 1; retention, how long jobs that have ended are kept
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_CONFIG_INVALID (22023)
--          · BIZ_GLOBAL_PROTECTED (42501) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
-- Writes   queue.config
-- Example  select queue.set_config('acme', 'email', '{"archive_completed": true, "backoff_jitter": 0.5}');
create function queue.set_config(p_namespace text, p_queue text, p_settings jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_unknown text;
  v_queue text := coalesce(p_queue, '');
begin
  perform queue._validate_namespace(p_namespace);
  if p_queue is not null then
    perform queue._validate_names(p_namespace, p_queue);
  end if;
  if jsonb_typeof(p_settings) is distinct from 'object' then
    raise exception 'settings must be an object'
      using errcode = '22023', hint = 'postkit:queue:VAL_CONFIG_INVALID';
  end if;
  select k.key
  into v_unknown
  from jsonb_object_keys(p_settings) k (key)
  where k.key not in (
    'archive_completed', 'notify', 'default_visibility_timeout', 'default_max_attempts', 'backoff_kind', 'backoff_base',
    'backoff_factor', 'backoff_max', 'backoff_jitter', 'retention'
  )
  limit 1;
  if v_unknown is not null then
    raise exception 'there is no setting %', quote_literal(v_unknown)
      using errcode = '22023', hint = 'postkit:queue:VAL_CONFIG_INVALID';
  end if;
  perform queue._assert_config_writable(p_namespace, v_queue);

  -- Not without looking first: a row of nulls for all tenants is refused before it conflicts with the one there is.
  insert into queue.config (namespace, queue)
  select p_namespace, v_queue
  where not exists (select from queue.config c where c.namespace = p_namespace and c.queue = v_queue)
  on conflict do nothing;
  begin
    -- What is not named keeps its value: the row as JSON, with the changes laid over it.
    update queue.config c
    set (
        archive_completed, notify, default_visibility_timeout, default_max_attempts, backoff_kind, backoff_base,
        backoff_factor, backoff_max, backoff_jitter, retention, updated_at
      ) = (
        select s.archive_completed, s.notify, s.default_visibility_timeout, s.default_max_attempts, s.backoff_kind,
          s.backoff_base, s.backoff_factor, s.backoff_max, s.backoff_jitter, s.retention, now()
        from jsonb_populate_record(c, p_settings) s
      )
    where c.namespace = p_namespace and c.queue = v_queue;
  exception
    when data_exception or check_violation then
      raise exception 'a setting cannot be that: %', sqlerrm
        using errcode = '22023', hint = 'postkit:queue:VAL_CONFIG_INVALID';
  end;
end
$$;

-- config/pause_queue.sql
-- queue.pause_queue: stops handing out jobs of a queue; those that run go on, and pushes are taken.
--
-- Returns  whether it was running
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_CONFIG_INVALID (22023)
--          · BIZ_GLOBAL_PROTECTED (42501) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
-- Writes   queue.config
-- Example  select queue.pause_queue('acme', 'email');
create function queue.pause_queue(p_namespace text, p_queue text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_names(p_namespace, p_queue);
  perform queue._assert_config_writable(p_namespace, p_queue);
  insert into queue.config as c (namespace, queue, paused_at)
  values (p_namespace, p_queue, clock_timestamp())
  on conflict (namespace, queue) do update
  set paused_at = excluded.paused_at, updated_at = now()
  where c.paused_at is null;
  return found;
end
$$;

-- workers/channel_name.sql
-- queue.channel_name: the channel on which pushes to a queue are notified.
--
-- Example  select queue.channel_name('acme', 'email');
create function queue.channel_name(p_namespace text, p_queue text)
returns text
language sql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
  select 'q_' || md5(p_namespace || U&'\001F' || p_queue)
$$;

-- workers/_notify.sql
-- queue._notify: tells those who listen to a queue.
--
-- Takes    p_is_global  whether workers of all namespaces listen as well
create function queue._notify(p_namespace text, p_queue text, p_notice json, p_is_global boolean)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform pg_notify(queue.channel_name(p_namespace, p_queue), p_notice::text);
  if p_is_global then
    perform pg_notify(queue.channel_name('', p_queue), p_notice::text);
  end if;
end
$$;

-- workers/_wake.sql
-- queue._wake: tells those who wait for jobs of a queue that there is one, as its setting asks.
--
-- With auto, nothing is sent while all workers of the queue that are alive are busy: a notification costs a lock on the
-- whole database at commit. Has to run after the job was written. Then a worker that began to wait too late to be seen
-- here, sees this transaction under way, and looks for jobs until it has ended: see queue.report_worker.
--
-- Takes    p_notice  what listeners get as JSON
create function queue._wake(p_namespace text, p_queue text, p_notice json)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_mode text;
  v_is_waited_for boolean;
  v_is_global boolean;
begin
  select coalesce(q.notify, n.notify, g.notify), w.is_waited_for, w.is_global
  into v_mode, v_is_waited_for, v_is_global
  from queue.config g
  left join queue.config n on n.namespace = p_namespace and n.queue = ''
  left join queue.config q on q.namespace = p_namespace and q.queue = p_queue
  cross join (
    select bool_or(w.is_waiting) filter (where w.seen_at > clock_timestamp() - interval '2 minutes') as is_waited_for,
      bool_or(w.namespace = '') as is_global
    from queue.workers w
    where w.namespace in (p_namespace, '') and w.queue = p_queue
  ) w
  where g.namespace = 'global' and g.queue = '';
  if v_mode = 'off' then
    return;
  end if;
  -- Who reads an old snapshot cannot know who waits. Where no worker is known there may be listeners of other kinds.
  if v_mode = 'always'
    or v_is_waited_for is not false
    or current_setting('transaction_isolation') <> 'read committed'
  then
    perform queue._notify(p_namespace, p_queue, p_notice, v_is_global);
  end if;
end
$$;

-- workers/_report_worker.sql
-- queue._report_worker: notes that a worker is alive, and whether it waits.
create function queue._report_worker(p_namespace text, p_queues text[], p_worker_id text, p_is_waiting boolean)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  insert into queue.workers as w (namespace, queue, worker_id, is_waiting, seen_at)
  select p_namespace, q.queue, p_worker_id, coalesce(p_is_waiting, false), clock_timestamp()
  from (select distinct u.queue from unnest(p_queues) u (queue)) q
  order by q.queue
  on conflict (namespace, queue, worker_id) do update
  set is_waiting = excluded.is_waiting, seen_at = excluded.seen_at;
end
$$;

-- workers/report_worker.sql
-- queue.report_worker: tells that a worker is alive on some queues, and whether it is about to wait for a notification.
--
-- A worker that is not waiting says so, and is then not woken: what that saves is in queue._wake. To go to sleep without
-- missing a job: report that you wait, commit, read queue.pushes_in_flight, and look for jobs until the last of those has
-- ended. Pushes that begin later see that you wait. A worker not heard of for two minutes counts as dead.
--
-- Raises   VAL_NAMESPACE_NULL (22004) and its like · VAL_QUEUE_NULL (22004) and its like · VAL_BATCH_TOO_LARGE (22023)
--          · VAL_WORKER_ID_INVALID (22023) · VAL_KEY_TOO_LONG (22001) · BIZ_TENANT_NOT_SET (42501)
--          · BIZ_TENANT_MISMATCH (42501)
-- Writes   queue.workers
-- Example  select queue.report_worker('acme', array['email'], 'worker-1', true);
create function queue.report_worker(p_namespace text, p_queues text[], p_worker_id text, p_is_waiting boolean)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  perform queue._validate_queues(p_namespace, p_queues);
  perform queue._validate_worker_id(p_worker_id);
  perform queue._validate_key_size(p_namespace, q.queue, p_worker_id)
  from unnest(p_queues) q (queue);
  perform queue._assert_tenant(p_namespace);
  perform queue._report_worker(p_namespace, p_queues, p_worker_id, p_is_waiting);
end
$$;

-- workers/report_global_worker.sql
-- queue.report_global_worker: queue.report_worker for one worker that serves all tenants; with null for p_is_waiting it
-- has ended.
--
-- Runs as its owner, and is for roles that were granted worker.
--
-- Raises   VAL_QUEUE_NULL (22004) and its like · VAL_BATCH_TOO_LARGE (22023) · VAL_WORKER_ID_INVALID (22023)
-- Writes   queue.workers
-- Example  select queue.report_global_worker(array['email'], 'worker-1', true);
create function queue.report_global_worker(p_queues text[], p_worker_id text, p_is_waiting boolean)
returns void
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
begin
  perform queue._validate_queues('global', p_queues);
  perform queue._validate_worker_id(p_worker_id);
  perform set_config('postkit.maintenance', 'on', true);
  if p_is_waiting is null then
    delete from queue.workers w
    where w.namespace = '' and w.worker_id = p_worker_id and w.queue = any (p_queues);
  else
    perform queue._report_worker('', p_queues, p_worker_id, p_is_waiting);
  end if;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
end
$$;

-- workers/forget_worker.sql
-- queue.forget_worker: tells that a worker has ended.
--
-- Returns  whether it was known
-- Raises   VAL_NAMESPACE_NULL (22004) and its like · VAL_WORKER_ID_INVALID (22023)
-- Writes   queue.workers
-- Example  select queue.forget_worker('acme', 'worker-1');
create function queue.forget_worker(p_namespace text, p_worker_id text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_worker_id(p_worker_id);
  perform queue._validate_pull(p_namespace, null);
  delete from queue.workers w
  where w.namespace = p_namespace and w.worker_id = p_worker_id;
  return found;
end
$$;

-- workers/_writes_in_flight.sql
-- queue._writes_in_flight: the transactions of others that have written to tables and not ended, as far as locks tell.
--
-- Returns  their virtual ids; of one that was prepared before a crash -1/ and its id
create function queue._writes_in_flight(p_tables regclass[])
returns text[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  return array(
    select distinct l.virtualtransaction
    from pg_catalog.pg_locks l
    where l.locktype = 'relation'
      and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
      and l.relation = any (p_tables)
      and l.mode = 'RowExclusiveLock'
      and l.granted
      and l.pid is distinct from pg_backend_pid()
  );
end
$$;

-- workers/pushes_in_flight.sql
-- queue.pushes_in_flight: the transactions of others that have written jobs and not ended, as far as locks tell.
--
-- Returns  their virtual ids
-- Example  select queue.pushes_in_flight();
create function queue.pushes_in_flight()
returns text[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  return queue._writes_in_flight(array['queue.ready', 'queue.deferred']::regclass[]);
end
$$;

-- workers/_next_due.sql
-- queue._next_due: when the next deferred job of some queues may run; null when there is none, or they are
-- paused.
--
-- Takes    p_after  only those that may run later than this
create function queue._next_due(p_namespace text, p_queues text[], p_after timestamptz)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return (
    select min(d.run_at)
    from unnest(p_queues) q (queue)
    cross join lateral (
      select d.run_at
      from queue.deferred d
      where d.namespace = p_namespace and d.queue = q.queue and d.run_at > p_after
      order by d.run_at
      limit 1
    ) d
    where coalesce(
      (select c.paused_at from queue.config c where c.namespace = p_namespace and c.queue = q.queue),
      (select c.paused_at from queue.config c where c.namespace = p_namespace and c.queue = '')
    ) is null
  );
end
$$;

-- workers/next_due.sql
-- queue.next_due: when the next deferred job of some queues may run, which may be in the past.
--
-- Returns  null when there is none
-- Raises   VAL_NAMESPACE_NULL (22004) and its like · VAL_QUEUE_NULL (22004) and its like · VAL_BATCH_TOO_LARGE (22023)
-- Example  select queue.next_due('acme', array['email']);
create function queue.next_due(p_namespace text, p_queues text[])
returns timestamptz
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_queues(p_namespace, p_queues);
  perform queue._validate_pull(p_namespace, null);
  return queue._next_due(p_namespace, p_queues, '-infinity');
end
$$;

-- workers/_next_due_global.sql
-- queue._next_due_global: when the next deferred job of some queues may run in any namespace; null when there is none, or
-- they are paused.
--
-- Takes    p_after  only those that may run later than this
create function queue._next_due_global(p_queues text[], p_after timestamptz)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
set enable_memoize = off
as $$
begin
  return (
    with recursive namespaces (namespace) as (
      (select d.namespace from queue.deferred d order by d.namespace limit 1)
      union all
      select (select d.namespace from queue.deferred d where d.namespace > n.namespace order by d.namespace limit 1)
      from namespaces n
      where n.namespace is not null
    )
    select min(d.run_at)
    from namespaces n
    cross join unnest(p_queues) q (queue)
    cross join lateral (
      select d.run_at
      from queue.deferred d
      where d.namespace = n.namespace and d.queue = q.queue and d.run_at > p_after
      order by d.run_at
      limit 1
    ) d
    where n.namespace is not null
      and coalesce(
        (select c.paused_at from queue.config c where c.namespace = n.namespace and c.queue = q.queue),
        (select c.paused_at from queue.config c where c.namespace = n.namespace and c.queue = '')
      ) is null
  );
end
$$;

-- config/resume_queue.sql
-- queue.resume_queue: hands out jobs of a queue again.
--
-- Returns  whether it was paused
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_CONFIG_INVALID (22023)
--          · BIZ_GLOBAL_PROTECTED (42501) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
-- Writes   queue.config
-- Example  select queue.resume_queue('acme', 'email');
create function queue.resume_queue(p_namespace text, p_queue text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_names(p_namespace, p_queue);
  perform queue._assert_config_writable(p_namespace, p_queue);
  update queue.config c
  set paused_at = null, updated_at = now()
  where c.namespace = p_namespace and c.queue = p_queue and c.paused_at is not null;
  if not found then
    return false;
  end if;
  perform queue._wake(p_namespace, p_queue, json_build_object('queue', p_queue));
  return true;
end
$$;

-- jobs/view.sql
-- Every job of the tenant in the columns of the contract, for reading; get_job and list_jobs read the same.
create view queue.jobs with (security_barrier) as
  select r.id, r.namespace, r.queue, r.payload, -r.rank as priority, coalesce(r.scheduled_at, r.created_at) as scheduled_at,
    'pending'::text as status, r.attempts, r.max_attempts, null::text as locked_by, null::timestamptz as locked_at,
    null::timestamptz as visibility_timeout_at, null::timestamptz as completed_at, r.error, r.unique_key,
    coalesce(r.tags, '{}') as tags, r.metadata, r.actor_id, r.request_id, r.on_behalf_of, r.reason, r.created_at,
    coalesce(r.updated_at, r.created_at) as updated_at, null::bigint as fence_token
  from queue.ready r
  where r.namespace = nullif(current_setting('postkit.tenant_id', true), '')
  union all
  select d.id, d.namespace, d.queue, d.payload, d.priority, d.run_at, 'pending', d.attempts, d.max_attempts, null, null, null,
    null, d.error, d.unique_key, coalesce(d.tags, '{}'), d.metadata, d.actor_id, d.request_id, d.on_behalf_of, d.reason,
    d.created_at, coalesce(d.updated_at, d.created_at), null
  from queue.deferred d
  where d.namespace = nullif(current_setting('postkit.tenant_id', true), '')
  union all
  select l.id, l.namespace, l.queue, l.payload, l.priority, coalesce(l.scheduled_at, l.created_at), 'running', l.attempts,
    l.max_attempts, l.worker_id, l.locked_at, l.expires_at, null, l.error, l.unique_key, coalesce(l.tags, '{}'), l.metadata,
    l.actor_id, l.request_id, l.on_behalf_of, l.reason, l.created_at, coalesce(l.updated_at, l.locked_at), l.fence
  from queue.leases l
  where l.namespace = nullif(current_setting('postkit.tenant_id', true), '')
  union all
  select a.id, a.namespace, a.queue, a.payload, a.priority, coalesce(a.scheduled_at, a.created_at), a.status, a.attempts,
    a.max_attempts, null, null, null, a.finished_at, a.error, a.unique_key, coalesce(a.tags, '{}'), a.metadata, a.actor_id,
    a.request_id, a.on_behalf_of, a.reason, a.created_at, a.finished_at, null
  from queue.archive a
  where a.namespace = nullif(current_setting('postkit.tenant_id', true), '');

comment on view queue.jobs is 'Every job of the tenant, whatever table it is in';

-- jobs/_ready_job.sql
-- queue._ready_job: a ready job in the columns of queue.jobs.
create function queue._ready_job(p_row queue.ready)
returns queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return (
    p_row.id, p_row.namespace, p_row.queue, p_row.payload, -p_row.rank, coalesce(p_row.scheduled_at, p_row.created_at),
    'pending'::text, p_row.attempts, p_row.max_attempts, null, null, null, null,
    p_row.error, p_row.unique_key, coalesce(p_row.tags, '{}'), p_row.metadata, p_row.actor_id, p_row.request_id,
    p_row.on_behalf_of, p_row.reason, p_row.created_at, coalesce(p_row.updated_at, p_row.created_at), null
  )::queue.jobs;
end
$$;

-- jobs/_deferred_job.sql
-- queue._deferred_job: a deferred job in the columns of queue.jobs.
create function queue._deferred_job(p_row queue.deferred)
returns queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return (
    p_row.id, p_row.namespace, p_row.queue, p_row.payload, p_row.priority, p_row.run_at,
    'pending'::text, p_row.attempts, p_row.max_attempts, null, null, null, null,
    p_row.error, p_row.unique_key, coalesce(p_row.tags, '{}'), p_row.metadata, p_row.actor_id, p_row.request_id,
    p_row.on_behalf_of, p_row.reason, p_row.created_at, coalesce(p_row.updated_at, p_row.created_at), null
  )::queue.jobs;
end
$$;

-- jobs/_leased_job.sql
-- queue._leased_job: a leased job in the columns of queue.jobs.
create function queue._leased_job(p_row queue.leases)
returns queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return (
    p_row.id, p_row.namespace, p_row.queue, p_row.payload, p_row.priority, coalesce(p_row.scheduled_at, p_row.created_at),
    'running'::text, p_row.attempts, p_row.max_attempts, p_row.worker_id, p_row.locked_at, p_row.expires_at, null,
    p_row.error, p_row.unique_key, coalesce(p_row.tags, '{}'), p_row.metadata, p_row.actor_id, p_row.request_id,
    p_row.on_behalf_of, p_row.reason, p_row.created_at, coalesce(p_row.updated_at, p_row.locked_at), p_row.fence
  )::queue.jobs;
end
$$;

-- jobs/_archived_job.sql
-- queue._archived_job: an archived job in the columns of queue.jobs.
create function queue._archived_job(p_row queue.archive)
returns queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return (
    p_row.id, p_row.namespace, p_row.queue, p_row.payload, p_row.priority, coalesce(p_row.scheduled_at, p_row.created_at),
    p_row.status::text, p_row.attempts, p_row.max_attempts, null, null, null, p_row.finished_at,
    p_row.error, p_row.unique_key, coalesce(p_row.tags, '{}'), p_row.metadata, p_row.actor_id, p_row.request_id,
    p_row.on_behalf_of, p_row.reason, p_row.created_at, p_row.finished_at, null
  )::queue.jobs;
end
$$;

-- jobs/_enqueue.sql
-- queue._enqueue: puts a valid job where it belongs.
--
-- Takes    p_run_at  when it may run; null for now
-- Returns  its id; null when its key is taken
create function queue._enqueue(
  p_namespace text,
  p_queue text,
  p_payload jsonb,
  p_run_at timestamptz,
  p_priority int,
  p_max_attempts int,
  p_unique_key text,
  p_tags text[],
  p_metadata jsonb
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_id bigint;
begin
  if p_unique_key is not null then
    insert into queue.unique_keys (namespace, queue, key, job_id)
    values (p_namespace, p_queue, p_unique_key, nextval('queue.job_id_seq'))
    on conflict do nothing
    returning job_id into v_id;
    if not found then
      return null;
    end if;
  end if;
  if p_run_at is not null then
    insert into queue.deferred (
      namespace, id, queue, priority, attempts, max_attempts, payload, unique_key, tags, metadata,
      actor_id, request_id, on_behalf_of, reason, run_at, created_at
    )
    values (
      p_namespace, coalesce(v_id, nextval('queue.job_id_seq')), p_queue, coalesce(p_priority, 0), 0,
      coalesce(p_max_attempts, queue._default_max_attempts(p_namespace, p_queue)), p_payload, p_unique_key,
      nullif(p_tags, '{}'), p_metadata,
      nullif(current_setting('postkit.actor_id', true), ''), nullif(current_setting('postkit.request_id', true), ''),
      nullif(current_setting('postkit.on_behalf_of', true), ''), nullif(current_setting('postkit.reason', true), ''),
      p_run_at, now()
    )
    returning id into v_id;
    return v_id;
  end if;
  insert into queue.ready (
    namespace, queue, rank, position, id, attempts, max_attempts, payload, unique_key, tags, metadata,
    actor_id, request_id, on_behalf_of, reason, created_at
  )
  select p_namespace, p_queue, -coalesce(p_priority, 0), n.position, coalesce(v_id, n.position), 0,
    coalesce(p_max_attempts, queue._default_max_attempts(p_namespace, p_queue)), p_payload, p_unique_key,
    nullif(p_tags, '{}'), p_metadata,
    nullif(current_setting('postkit.actor_id', true), ''), nullif(current_setting('postkit.request_id', true), ''),
    nullif(current_setting('postkit.on_behalf_of', true), ''), nullif(current_setting('postkit.reason', true), ''),
    now()
  from (select nextval('queue.job_id_seq') as position) n
  returning id into v_id;
  return v_id;
end
$$;

-- jobs/_requeue.sql
-- queue._requeue: puts a job that a worker had back to where it may be taken: before the new ones of its priority, or
-- aside until a time. One whose cancellation was asked for ends.
--
-- Takes    p_attempts  how often it was tried, as far as that counts
--          p_run_at    null for now
create function queue._requeue(
  p_lease queue.leases,
  p_attempts int,
  p_error text,
  p_run_at timestamptz,
  p_now timestamptz
)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_lease.cancel_requested_at is not null then
    p_lease.attempts := p_attempts;
    perform queue._archive_lease(p_lease, 'cancelled', p_error, p_now);
    return;
  end if;
  if p_run_at is not null then
    insert into queue.deferred (
      namespace, id, queue, priority, attempts, max_attempts, payload, unique_key, tags, metadata, error,
      actor_id, request_id, on_behalf_of, reason, run_at, created_at, updated_at
    )
    values (
      p_lease.namespace, p_lease.id, p_lease.queue, p_lease.priority, p_attempts, p_lease.max_attempts, p_lease.payload,
      p_lease.unique_key, p_lease.tags, p_lease.metadata, p_error, p_lease.actor_id, p_lease.request_id,
      p_lease.on_behalf_of, p_lease.reason, p_run_at, p_lease.created_at, p_now
    );
    return;
  end if;
  insert into queue.ready (
    namespace, queue, rank, position, id, attempts, max_attempts, payload, unique_key, tags, metadata, error,
    actor_id, request_id, on_behalf_of, reason, scheduled_at, created_at, updated_at
  )
  values (
    p_lease.namespace, p_lease.queue, -p_lease.priority, nextval('queue.job_id_seq') - queue._returned_offset(), p_lease.id,
    p_attempts, p_lease.max_attempts, p_lease.payload, p_lease.unique_key, p_lease.tags, p_lease.metadata, p_error,
    p_lease.actor_id, p_lease.request_id, p_lease.on_behalf_of, p_lease.reason, p_lease.scheduled_at, p_lease.created_at,
    p_now
  );
end
$$;

-- jobs/_free_keys.sql
-- queue._free_keys: lets unique keys be used again.
--
-- Takes    p_queues, p_keys  a queue and a key of it each
create function queue._free_keys(p_namespace text, p_queues text[], p_keys text[])
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  for v_index in 1..cardinality(p_keys) loop
    delete from queue.unique_keys k
    where k.namespace = p_namespace and k.queue = p_queues[v_index] and k.key = p_keys[v_index];
  end loop;
end
$$;

-- jobs/_find_ready.sql
-- queue._find_ready: where a job is in queue.ready; null when it is not there.
--
-- There is no index by id on what changes most: a job that did not move has its id for a position, and is probed for in
-- each queue and priority that has jobs. An order by what is the same leaves one index only, without sorts.
create function queue._find_ready(p_namespace text, p_job_id bigint)
returns tid
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
  v_place tid;
begin
  select r.ctid
  into v_place
  from queue.ready r
  where r.namespace = p_namespace and r.id >= p_job_id and r.id <= p_job_id and r.position <> r.id
  order by r.id
  limit 1;
  if found then
    return v_place;
  end if;
  with recursive lanes (queue, rank) as (
    (
      select r.queue, r.rank
      from queue.ready r
      where r.namespace = p_namespace
      order by r.queue, r.rank
      limit 1
    )
    union all
    select n.queue, n.rank
    from lanes l
    cross join lateral (
      select r.queue, r.rank
      from queue.ready r
      where r.namespace = p_namespace and (r.queue, r.rank) > (l.queue, l.rank)
      order by r.queue, r.rank
      limit 1
    ) n
  )
  select f.place
  into v_place
  from lanes l
  cross join lateral (
    select r.ctid as place
    from queue.ready r
    where r.namespace = p_namespace and r.queue = l.queue and r.rank = l.rank and r.position = p_job_id
      and r.id = p_job_id
    limit 1
  ) f
  limit 1;
  return v_place;
end
$$;

-- jobs/_find_deferred.sql
-- queue._find_deferred: where a job is in queue.deferred; null when it is not there.
--
-- An order by what is the same leaves one index only, without sorts, whatever statistics say.
create function queue._find_deferred(p_namespace text, p_job_id bigint)
returns tid
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return (
    select d.ctid
    from queue.deferred d
    where d.namespace = p_namespace and d.id >= p_job_id and d.id <= p_job_id
    order by d.id
    limit 1
  );
end
$$;

-- jobs/_is_live.sql
-- queue._is_live: whether a job waits or runs, all looked at in one moment.
create function queue._is_live(p_namespace text, p_job_id bigint)
returns boolean
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return exists (select from queue.leases l where l.namespace = p_namespace and l.id = p_job_id)
    or queue._find_deferred(p_namespace, p_job_id) is not null
    or queue._find_ready(p_namespace, p_job_id) is not null;
end
$$;

-- jobs/push.sql
-- queue.push: puts a job on a queue.
--
-- It becomes visible when the transaction commits, and is gone when it rolls back. Who acts is kept with the job.
--
-- Takes    p_queue         the queue's name, at most 256 characters; it need not exist
--          p_payload       any JSON value
--          p_delay         wait before it may run, from the start of the transaction; none by default
--          p_priority      -1000 to 1000, higher ones run first
--          p_max_attempts  1 to 30; the setting of the queue by default
--          p_unique_key    nothing is pushed while another job of the queue with this key waits or runs
--          p_tags          any texts
--          p_metadata      any JSON value
--          p_run_at        when it may run, instead of a delay
-- Returns  the job's id; null when p_unique_key is taken
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_PRIORITY_RANGE (22023) · VAL_MAX_ATTEMPTS_RANGE (22023)
--          · VAL_PAYLOAD_NULL (22004) · VAL_KEY_TOO_LONG (22001) · VAL_INTERVAL_TOO_LARGE (22023)
--          · VAL_DELAY_AND_RUN_AT (22023) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
-- Writes   queue.ready, queue.deferred, queue.unique_keys
-- Example  select queue.push('acme', 'email', '{"to": "a@example.com"}');
create function queue.push(
  p_namespace text,
  p_queue text,
  p_payload jsonb,
  p_delay interval default null,
  p_priority int default 0,
  p_max_attempts int default null,
  p_unique_key text default null,
  p_tags text[] default null,
  p_metadata jsonb default null,
  p_run_at timestamptz default null
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_id bigint;
begin
  perform queue._validate_job(
    p_namespace, p_queue, p_payload, p_priority, p_max_attempts, p_unique_key, p_delay, p_run_at
  );
  v_id := queue._enqueue(
    p_namespace, p_queue, p_payload,
    coalesce(p_run_at, case when p_delay <> interval '0' then now() + p_delay end), p_priority, p_max_attempts,
    p_unique_key, p_tags, p_metadata
  );
  if v_id is not null then
    perform queue._wake(p_namespace, p_queue, json_build_object('id', v_id, 'queue', p_queue));
  end if;
  return v_id;
end
$$;

-- jobs/push_batch.sql
-- queue.push_batch: puts up to 1,000 jobs on a queue, all or none.
--
-- Takes    p_payloads  any JSON values
--          the rest    as for queue.push, for each of them
-- Returns  their ids in the order of the payloads; none for no payloads
-- Raises   what queue.push raises · VAL_BATCH_TOO_LARGE (22023)
-- Writes   queue.ready
-- Example  select queue.push_batch('acme', 'email', array['{"to": "a"}', '{"to": "b"}']::jsonb[]);
create function queue.push_batch(
  p_namespace text,
  p_queue text,
  p_payloads jsonb[],
  p_priority int default 0,
  p_max_attempts int default null,
  p_tags text[] default null
)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_max_attempts int := p_max_attempts;
  v_rank int := -coalesce(p_priority, 0);
  v_tags text[] := nullif(p_tags, '{}');
  v_actor_id text := nullif(current_setting('postkit.actor_id', true), '');
  v_request_id text := nullif(current_setting('postkit.request_id', true), '');
  v_on_behalf_of text := nullif(current_setting('postkit.on_behalf_of', true), '');
  v_reason text := nullif(current_setting('postkit.reason', true), '');
  v_ids bigint[];
begin
  if coalesce(cardinality(p_payloads), 0) = 0 then
    return '{}';
  end if;
  perform queue._validate_job(p_namespace, p_queue, '{}', p_priority, p_max_attempts, null);
  perform queue._validate_batch_size(cardinality(p_payloads), 'payloads');
  if array_position(p_payloads, null) is not null then
    perform queue._validate_payload(null);
  end if;
  if v_max_attempts is null then
    v_max_attempts := queue._default_max_attempts(p_namespace, p_queue);
  end if;

  with pushed as (
    insert into queue.ready (
      namespace, queue, rank, position, id, attempts, max_attempts, payload, tags,
      actor_id, request_id, on_behalf_of, reason, created_at
    )
    select p_namespace, p_queue, v_rank, n.position, n.position, 0, v_max_attempts, n.payload, v_tags, v_actor_id,
      v_request_id, v_on_behalf_of, v_reason, now()
    from (
      select nextval('queue.job_id_seq') as position, u.payload
      from unnest(p_payloads) u (payload)
      offset 0
    ) n
    returning id
  )
  select array_agg(p.id order by p.id)
  into v_ids
  from pushed p;
  perform queue._wake(p_namespace, p_queue, json_build_object('count', cardinality(v_ids), 'queue', p_queue));
  return v_ids;
end
$$;

-- jobs/types.sql
-- A job that is to be pushed, as JSON describes it; its index in the array counts from 1.
create type queue.new_job as (
  index int,
  queue text collate "C",
  payload jsonb,
  delay interval,
  run_at timestamptz,
  priority int,
  max_attempts int,
  unique_key text collate "C",
  tags text[],
  metadata jsonb
);

comment on type queue.new_job is 'A job as queue.push_many is given it, not validated yet; index from 1';

-- jobs/_read_jobs.sql
-- queue._read_jobs: the jobs that an array of JSON objects describes, as queue.push_many takes them.
--
-- Returns  them in the order of the array
-- Raises   VAL_JOBS_INVALID (22023)
create function queue._read_jobs(p_jobs jsonb)
returns queue.new_job[]
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_unknown text;
begin
  if jsonb_typeof(p_jobs) is distinct from 'array' or jsonb_path_exists(p_jobs, 'strict $[*] ? (@.type() != "object")') then
    raise exception 'jobs must be an array of objects'
      using errcode = '22023', hint = 'postkit:queue:VAL_JOBS_INVALID';
  end if;
  select k.key
  into v_unknown
  from jsonb_array_elements(p_jobs) j
  cross join lateral jsonb_object_keys(j) k (key)
  where k.key not in (
    'queue', 'payload', 'delay', 'run_at', 'priority', 'max_attempts', 'unique_key', 'tags', 'metadata'
  )
  limit 1;
  if v_unknown is not null then
    raise exception 'a job has the key %, which is none of a job', quote_literal(v_unknown)
      using errcode = '22023', hint = 'postkit:queue:VAL_JOBS_INVALID';
  end if;
  begin
    return array(
      select row(
        j.index, j.queue, j.value -> 'payload', j.delay, j.run_at, j.priority, j.max_attempts, j.unique_key, j.tags,
        nullif(j.value -> 'metadata', 'null')
      )::queue.new_job
      from rows from (
        jsonb_array_elements(p_jobs),
        jsonb_to_recordset(p_jobs) as (
          queue text, delay interval, run_at timestamptz, priority int, max_attempts int, unique_key text, tags text[]
        )
      ) with ordinality j (value, queue, delay, run_at, priority, max_attempts, unique_key, tags, index)
      order by j.index
    );
  exception
    when data_exception then
      raise exception 'jobs cannot be read: %', sqlerrm
        using errcode = '22023', hint = 'postkit:queue:VAL_JOBS_INVALID';
  end;
end
$$;

-- jobs/_validate_jobs.sql
-- queue._validate_jobs: refuses many jobs for the first of them that cannot be pushed.
--
-- Raises   what queue._validate_job raises
create function queue._validate_jobs(p_namespace text, p_jobs queue.new_job[])
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_job record;
begin
  -- A call for each would cost as much as to push it. It is made for the first, which answers for the namespace and the
  -- tenant, and for those with which something is wrong.
  for v_job in
    select j.queue, j.payload, j.delay, j.run_at, j.priority, j.max_attempts, j.unique_key
    from unnest(p_jobs) j
    where j.index = 1
      or (
        (j.queue ~ '^[!-~]+$' and octet_length(j.queue) <= 256 or queue._name_violation(j.queue, 256) is null)
        and octet_length(p_namespace) + octet_length(j.queue) + coalesce(octet_length(j.unique_key), 0) <= 2500
        and coalesce(j.priority, 0) between -1000 and 1000
        and coalesce(j.max_attempts, 1) between 1 and 30
        and j.payload is not null
        and (j.delay is null or j.run_at is null)
        and coalesce(j.delay, '0') between interval '-1000 years' and interval '1000 years'
        and coalesce(j.run_at, now()) between now() - interval '1000 years' and now() + interval '1000 years'
      ) is not true
    order by j.index
  loop
    perform queue._validate_job(
      p_namespace, v_job.queue, v_job.payload, v_job.priority, v_job.max_attempts, v_job.unique_key, v_job.delay,
      v_job.run_at
    );
  end loop;
end
$$;

-- jobs/_take_keys.sql
-- queue._take_keys: takes the keys of jobs as queue.push_many has them.
--
-- Keys are taken in one order, so that two calls never wait for each other in a circle; ids are in that of the array.
--
-- Returns  an id for each job, null for those whose key is taken; null when no job has a key
create function queue._take_keys(p_namespace text, p_jobs queue.new_job[])
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_ids bigint[];
begin
  if not exists (select from unnest(p_jobs) j where j.unique_key is not null) then
    return null;
  end if;
  v_ids := array(select nextval('queue.job_id_seq') from generate_series(1, cardinality(p_jobs)));
  with taken as (
    insert into queue.unique_keys (namespace, queue, key, job_id)
    select p_namespace, j.queue, j.unique_key, v_ids[j.index]
    from unnest(p_jobs) j
    where j.unique_key is not null
    order by j.queue, j.unique_key, j.index
    on conflict do nothing
    returning job_id
  )
  select array_agg(
    case when j.unique_key is null or v_ids[j.index] in (select t.job_id from taken t) then v_ids[j.index] end
    order by j.index
  )
  into v_ids
  from unnest(p_jobs) j;
  return v_ids;
end
$$;

-- jobs/_enqueue_many.sql
-- queue._enqueue_many: puts valid jobs where they belong.
--
-- Takes    p_ids  as queue._take_keys gave them
-- Returns  their ids in their order, null where a key is taken
create function queue._enqueue_many(p_namespace text, p_jobs queue.new_job[], p_ids bigint[])
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_max_attempts jsonb;
  v_ids bigint[];
begin
  -- Looked up by name: a join would be planned for the few rows that an array is thought to have.
  select jsonb_object_agg(q.queue, queue._default_max_attempts(p_namespace, q.queue))
  into v_max_attempts
  from (select distinct j.queue from unnest(p_jobs) j where j.max_attempts is null) q;

  -- One statement, since ids rise over both tables: it has its lock on queue.ready before it draws the first of them.
  with jobs as materialized (
    select n.position, n.index, n.queue, n.payload, n.unique_key, nullif(n.tags, '{}') as tags, n.metadata,
      case when p_ids is null then n.position else p_ids[n.index] end as id,
      coalesce(n.priority, 0) as priority,
      coalesce(n.max_attempts, (v_max_attempts ->> n.queue)::int) as max_attempts,
      coalesce(n.run_at, case when n.delay <> interval '0' then now() + n.delay end) as run_at,
      nullif(current_setting('postkit.actor_id', true), '') as actor_id,
      nullif(current_setting('postkit.request_id', true), '') as request_id,
      nullif(current_setting('postkit.on_behalf_of', true), '') as on_behalf_of,
      nullif(current_setting('postkit.reason', true), '') as reason
    from (
      select nextval('queue.job_id_seq') as position, j.*
      from unnest(p_jobs) j
      offset 0
    ) n
  ),
  ready as (
    insert into queue.ready (
      namespace, queue, rank, position, id, attempts, max_attempts, payload, unique_key, tags, metadata,
      actor_id, request_id, on_behalf_of, reason, created_at
    )
    select p_namespace, j.queue, -j.priority, j.position, j.id, 0, j.max_attempts, j.payload, j.unique_key, j.tags,
      j.metadata, j.actor_id, j.request_id, j.on_behalf_of, j.reason, now()
    from jobs j
    where j.id is not null and j.run_at is null
  ),
  deferred as (
    insert into queue.deferred (
      namespace, id, queue, priority, attempts, max_attempts, payload, unique_key, tags, metadata,
      actor_id, request_id, on_behalf_of, reason, run_at, created_at
    )
    select p_namespace, j.id, j.queue, j.priority, 0, j.max_attempts, j.payload, j.unique_key, j.tags, j.metadata,
      j.actor_id, j.request_id, j.on_behalf_of, j.reason, j.run_at, now()
    from jobs j
    where j.id is not null and j.run_at is not null
  )
  select array_agg(j.id order by j.index)
  into v_ids
  from jobs j;
  return coalesce(v_ids, '{}');
end
$$;

-- jobs/push_many.sql
-- queue.push_many: puts up to 1,000 jobs on queues, each with options of its own, all or none.
--
-- Takes    p_jobs  an array of objects: queue and payload; optional delay or run_at, priority, max_attempts, unique_key,
--                  tags, metadata
-- Returns  their ids in the order of the array, null where a unique_key is taken, by an earlier one of the array as well;
--          later ones have higher ids
-- Raises   what queue.push raises · VAL_BATCH_TOO_LARGE (22023) · VAL_JOBS_INVALID (22023)
-- Writes   queue.ready, queue.deferred, queue.unique_keys
-- Example  select queue.push_many('acme', '[{"queue": "email", "payload": {"to": "a"}, "delay": "1 hour"}]');
create function queue.push_many(p_namespace text, p_jobs jsonb)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_jobs queue.new_job[];
  v_ids bigint[];
begin
  perform queue._validate_namespace(p_namespace);
  if jsonb_typeof(p_jobs) = 'array' then
    perform queue._validate_batch_size(jsonb_array_length(p_jobs), 'jobs');
  end if;
  v_jobs := queue._read_jobs(p_jobs);
  perform queue._validate_jobs(p_namespace, v_jobs);
  v_ids := queue._enqueue_many(p_namespace, v_jobs, queue._take_keys(p_namespace, v_jobs));
  perform queue._wake(p_namespace, q.queue, json_build_object('count', q.job_count, 'queue', q.queue))
  from (
    select j.queue, count(*) as job_count
    from unnest(v_jobs) j
    where v_ids[j.index] is not null
    group by j.queue
  ) q;
  return v_ids;
end
$$;

-- jobs/cancel.sql
-- queue.cancel: deletes a job that nobody has taken yet.
--
-- One that a worker has is left alone: queue.request_cancel asks the worker.
--
-- Returns  whether it was deleted; false when it runs, has ended, or is not there
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_JOB_ID_NULL (22004)
-- Writes   queue.ready, queue.deferred, queue.unique_keys
-- Example  select queue.cancel('acme', 42);
create function queue.cancel(p_namespace text, p_job_id bigint)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_queue text;
  v_key text;
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_job_id(p_job_id);
  perform queue._validate_pull(p_namespace, null);
  delete from queue.deferred d
  where d.ctid = queue._find_deferred(p_namespace, p_job_id) and d.namespace = p_namespace and d.id = p_job_id
  returning d.queue, d.unique_key into v_queue, v_key;
  if not found then
    delete from queue.ready r
    where r.ctid = queue._find_ready(p_namespace, p_job_id) and r.namespace = p_namespace and r.id = p_job_id
    returning r.queue, r.unique_key into v_queue, v_key;
    if not found then
      return false;
    end if;
  end if;
  if v_key is not null then
    perform queue._free_keys(p_namespace, array[v_queue], array[v_key]);
  end if;
  return true;
end
$$;

-- jobs/purge_queue.sql
-- queue.purge_queue: deletes all jobs of a queue that nobody has taken yet, delayed ones among them.
--
-- Returns  how many
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001)
-- Writes   queue.ready, queue.deferred, queue.unique_keys
-- Example  select queue.purge_queue('acme', 'email');
create function queue.purge_queue(p_namespace text, p_queue text)
returns int
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_count int;
  v_keys text[];
begin
  perform queue._validate_names(p_namespace, p_queue);
  perform queue._validate_pull(p_namespace, null);
  with from_ready as (
    delete from queue.ready r
    where r.namespace = p_namespace and r.queue = p_queue
    returning r.unique_key
  ),
  from_deferred as (
    delete from queue.deferred d
    where d.namespace = p_namespace and d.queue = p_queue
    returning d.unique_key
  ),
  purged as (
    select r.unique_key from from_ready r
    union all
    select d.unique_key from from_deferred d
  )
  select count(*), array_agg(p.unique_key) filter (where p.unique_key is not null)
  into v_count, v_keys
  from purged p;
  if v_keys is not null then
    perform queue._free_keys(p_namespace, array_fill(p_queue, array[cardinality(v_keys)]), v_keys);
  end if;
  return v_count;
end
$$;

-- jobs/get_job.sql
-- queue.get_job: one job, whatever its state.
--
-- Returns  the job; nothing when it is not there, as one that was completed and is not kept
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_JOB_ID_NULL (22004)
-- Example  select status, attempts, error from queue.get_job('acme', 42);
create function queue.get_job(p_namespace text, p_job_id bigint)
returns setof queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  perform queue._assert_readable(p_namespace);
  perform queue._validate_job_id(p_job_id);
  return query
    select j.*
    from queue.leases l
    cross join lateral queue._leased_job(l) j
    where l.namespace = p_namespace and l.id = p_job_id
    union all
    select j.*
    from queue.deferred d
    cross join lateral queue._deferred_job(d) j
    where d.ctid = queue._find_deferred(p_namespace, p_job_id) and d.namespace = p_namespace
    union all
    select j.*
    from queue.archive a
    cross join lateral queue._archived_job(a) j
    where a.namespace = p_namespace and a.id = p_job_id;
  if not found then
    return query
      select j.*
      from queue.ready r
      cross join lateral queue._ready_job(r) j
      where r.ctid = queue._find_ready(p_namespace, p_job_id) and r.namespace = p_namespace;
  end if;
end
$$;

-- jobs/_list_ready.sql
-- queue._list_ready: the ready jobs with the lowest ids after one, of a queue or of all.
--
-- Takes    p_after  an id
-- Returns  up to p_limit jobs of each queue and priority, and of those that came back
create function queue._list_ready(p_namespace text, p_queue text, p_after bigint, p_limit int)
returns setof queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return query
    select j.*
    from queue.ready r
    cross join lateral queue._ready_job(r) j
    where r.namespace = p_namespace
      and r.id > p_after
      and r.position <> r.id
      and (p_queue is null or r.queue = p_queue)
    order by r.id
    limit p_limit;
  return query
    with recursive lanes (queue, rank) as (
      (
        select r.queue, r.rank
        from queue.ready r
        where r.namespace = p_namespace and r.queue >= coalesce(p_queue, '')
        order by r.queue, r.rank
        limit 1
      )
      union all
      select n.queue, n.rank
      from lanes l
      cross join lateral (
        select r.queue, r.rank
        from queue.ready r
        where r.namespace = p_namespace and (r.queue, r.rank) > (l.queue, l.rank)
        order by r.queue, r.rank
        limit 1
      ) n
      where p_queue is null or n.queue = p_queue
    )
    select (p.job).*
    from lanes l
    cross join lateral (
      select queue._ready_job(r) as job
      from queue.ready r
      where r.namespace = p_namespace
        and r.queue = l.queue
        and r.rank = l.rank
        and r.position > p_after
        and r.position = r.id
      order by r.position
      limit p_limit
    ) p
    where p_queue is null or l.queue = p_queue;
end
$$;

-- jobs/_list_deferred.sql
-- queue._list_deferred: the deferred jobs with the lowest ids after one, of a queue or of all.
--
-- A queue that has few is read by an index of its own, since those of others may be many. One that has many is read in
-- the order of ids, past those of others: a page of a queue whose jobs are far between takes as long as these are many. An
-- order by what is the same leaves one index only, without sorts.
--
-- Takes    p_after  an id
create function queue._list_deferred(p_namespace text, p_queue text, p_after bigint, p_limit int)
returns setof queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
  v_few_max constant int := 999;
  v_few bigint[];
begin
  if p_queue is not null then
    v_few := array(
      select d.id
      from queue.deferred d
      where d.namespace = p_namespace and d.queue = p_queue
      order by d.run_at
      limit v_few_max + 1
    );
    if cardinality(v_few) <= v_few_max then
      return query
        select j.*
        from (
          select f.id
          from unnest(v_few) f (id)
          where f.id > p_after
          order by f.id
          limit p_limit
        ) f
        cross join lateral (
          select d
          from queue.deferred d
          where d.namespace = p_namespace and d.id >= f.id and d.id <= f.id
          order by d.id
          limit 1
        ) l (job)
        cross join lateral queue._deferred_job(l.job) j;
      return;
    end if;
  end if;
  return query
    select j.*
    from queue.deferred d
    cross join lateral queue._deferred_job(d) j
    where d.namespace = p_namespace and d.id > p_after and (p_queue is null or d.queue = p_queue)
    order by d.id
    limit p_limit;
end
$$;

-- jobs/_list_leased.sql
-- queue._list_leased: the jobs that run with the lowest ids after one, of a queue or of all.
--
-- Takes    p_after  an id
create function queue._list_leased(p_namespace text, p_queue text, p_after bigint, p_limit int)
returns setof queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return query
    select j.*
    from queue.leases l
    cross join lateral queue._leased_job(l) j
    where l.namespace = p_namespace and l.id > p_after and (p_queue is null or l.queue = p_queue)
    order by l.id
    limit p_limit;
end
$$;

-- jobs/_list_archived.sql
-- queue._list_archived: the jobs that have ended with the lowest ids after one, of a queue or of all.
--
-- An order by what is the same leaves one index only, without sorts.
--
-- Takes    p_status  completed, dead or cancelled; null for all
--          p_after   an id
create function queue._list_archived(p_namespace text, p_queue text, p_status text, p_after bigint, p_limit int)
returns setof queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  if p_queue is null then
    return query
      select j.*
      from queue.archive a
      cross join lateral queue._archived_job(a) j
      where a.namespace = p_namespace and a.id > p_after and (p_status is null or a.status = p_status)
      order by a.id
      limit p_limit;
  else
    return query
      select j.*
      from queue.archive a
      cross join lateral queue._archived_job(a) j
      where a.namespace = p_namespace and (a.queue, a.id) > (p_queue, p_after) and a.queue <= p_queue
        and (p_status is null or a.status = p_status)
      order by a.queue, a.id
      limit p_limit;
  end if;
end
$$;

-- jobs/list_jobs.sql
-- queue.list_jobs: a page of jobs, in the order of their ids.
--
-- Takes    p_queue   only jobs of this queue
--          p_status  only pending, running, completed, dead or cancelled ones
--          p_limit   jobs on the page, 1 to 1000
--          p_cursor  id of the last job of the page before
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_STATUS_UNKNOWN (22023) · VAL_NOT_POSITIVE (22023)
--          · VAL_LIMIT_TOO_LARGE (22023)
-- Example  select id, queue, status, attempts from queue.list_jobs('acme', 'email', 'pending', 50);
create function queue.list_jobs(
  p_namespace text,
  p_queue text default null,
  p_status text default null,
  p_limit int default 100,
  p_cursor bigint default null
)
returns setof queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_after bigint := coalesce(p_cursor, 0);
begin
  perform queue._assert_readable(p_namespace);
  if p_status not in ('pending', 'running', 'completed', 'dead', 'cancelled') then
    raise exception 'status must be pending, running, completed, dead or cancelled'
      using errcode = '22023', hint = 'postkit:queue:VAL_STATUS_UNKNOWN';
  end if;
  perform queue._validate_limit(p_limit);
  return query
    select j.*
    from (
      select r.*
      from queue._list_ready(p_namespace, p_queue, v_after, p_limit) r
      where coalesce(p_status, 'pending') = 'pending'
      union all
      select d.*
      from queue._list_deferred(p_namespace, p_queue, v_after, p_limit) d
      where coalesce(p_status, 'pending') = 'pending'
      union all
      select l.*
      from queue._list_leased(p_namespace, p_queue, v_after, p_limit) l
      where coalesce(p_status, 'running') = 'running'
      union all
      select a.*
      from queue._list_archived(p_namespace, p_queue, p_status, v_after, p_limit) a
      where coalesce(p_status, 'dead') not in ('pending', 'running')
    ) j
    order by j.id
    limit p_limit;
end
$$;

-- archive/_archive_lease.sql
-- queue._archive_lease: keeps a job that has ended, and frees its key.
--
-- Takes    p_status  completed, dead or cancelled; all but dead ones are kept where archive_completed is set
create function queue._archive_lease(p_lease queue.leases, p_status text, p_error text, p_now timestamptz)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  insert into queue.archive (
    namespace, id, queue, status, priority, attempts, max_attempts, payload, unique_key, tags, metadata, error,
    actor_id, request_id, on_behalf_of, reason, scheduled_at, created_at, finished_at
  )
  select p_lease.namespace, p_lease.id, p_lease.queue, p_status, p_lease.priority, p_lease.attempts, p_lease.max_attempts,
    p_lease.payload, p_lease.unique_key, p_lease.tags, p_lease.metadata, p_error, p_lease.actor_id, p_lease.request_id,
    p_lease.on_behalf_of, p_lease.reason, p_lease.scheduled_at, p_lease.created_at, p_now
  where p_status = 'dead' or queue._is_archived(p_lease.namespace, p_lease.queue);
  if p_lease.unique_key is not null then
    perform queue._free_keys(p_lease.namespace, array[p_lease.queue], array[p_lease.unique_key]);
  end if;
end
$$;

-- archive/_archive_partitions.sql
-- queue._archive_partitions: the partitions of the archive but the default one, with the times they are for.
--
-- Returns  from_time and to_time as in a range: null where there is no bound
create function queue._archive_partitions()
returns table (partition_name text, from_time timestamptz, to_time timestamptz)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
begin
  return query
    select c.relname::text,
      substring(b.bounds from 'FROM \(''([^'']*)''\)')::timestamptz,
      substring(b.bounds from 'TO \(''([^'']*)''\)')::timestamptz
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    cross join lateral pg_catalog.pg_get_expr(c.relpartbound, c.oid) b (bounds)
    where i.inhparent = 'queue.archive'::regclass
      and b.bounds <> 'DEFAULT';
end
$$;

-- archive/_attach_archive_partition.sql
-- queue._attach_archive_partition: makes a partition, with the jobs of its time that fell into the default one.
--
-- Filled before it is attached, since its time may not overlap what the default partition holds. The caller holds the
-- locks, runs as the owner, and has the time zone and the date style in which times can be written without a doubt.
create function queue._attach_archive_partition(p_name text, p_from timestamptz, p_to timestamptz)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
  v_grantee text;
begin
  execute format('create table queue.%I (like queue.archive including defaults including constraints)', p_name);
  -- What ALTER DEFAULT PRIVILEGES gives with every new table.
  for v_grantee in
    select distinct case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    from pg_catalog.pg_class c
    cross join lateral pg_catalog.aclexplode(c.relacl) a
    where c.oid = to_regclass(format('queue.%I', p_name)) and a.grantee <> c.relowner
  loop
    execute format('revoke all on queue.%I from %s', p_name, v_grantee);
  end loop;

  perform set_config('postkit.maintenance', 'on', true);
  execute format(
    'with moved as (
       delete from queue.archive e where e.finished_at >= %L and e.finished_at < %L returning e.*
     )
     insert into queue.%I select m.* from moved m',
    p_from, p_to, p_name
  );
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);

  execute format('alter table queue.%I enable row level security, force row level security', p_name);
  execute format(
    'alter table queue.archive attach partition queue.%I for values from (%L) to (%L)', p_name, p_from, p_to
  );
end
$$;

-- archive/create_archive_partition.sql
-- queue.create_archive_partition: makes the partition of the archive for a day, in UTC.
--
-- Jobs of that day which fell into the default partition for want of one move along. Those that end meanwhile wait, and
-- none fails. For a day that is under way or over, transactions that are under way end first: set lock_timeout where
-- they may stay open.
--
-- Takes    p_day  1970-01-01 to 9999-12-30
-- Returns  the partition's name, archive_y2026m01d31; null when it is there already
-- Raises   VAL_DAY_OUT_OF_RANGE (22023)
-- Writes   queue.archive · Locks queue.archive, queue.archive_default
-- Example  select queue.create_archive_partition('2026-01-31');
create function queue.create_archive_partition(p_day date)
returns text
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
declare
  v_from timestamptz := p_day::timestamptz;
  v_name text := to_char(p_day, '"archive_y"YYYY"m"MM"d"DD');
begin
  if p_day is null or p_day not between '1970-01-01' and '9999-12-30' then
    raise exception 'day must be from 1970-01-01 to 9999-12-30'
      using errcode = '22023', hint = 'postkit:queue:VAL_DAY_OUT_OF_RANGE';
  end if;
  if exists (select from queue._archive_partitions() p where p.partition_name = v_name) then
    return null;
  end if;

  -- A job on its way into the default partition is refused there once its day has a partition. So where one may come it
  -- has to wait at the parent, before it chose; so do readers, lest one that goes on to write meets us midway.
  if v_from > clock_timestamp() + interval '1 hour' then
    lock table only queue.archive in share update exclusive mode;
  else
    lock table only queue.archive in access exclusive mode;
  end if;
  lock table queue.archive_default in access exclusive mode;
  if exists (select from queue._archive_partitions() p where p.partition_name = v_name) then
    return null;
  end if;

  perform queue._attach_archive_partition(v_name, v_from, v_from + interval '1 day');
  return v_name;
end
$$;

-- archive/ensure_archive_partitions.sql
-- queue.ensure_archive_partitions: makes the partitions of the archive that are missing, from today on.
--
-- Runs at install, and then through queue.maintain.
--
-- Takes    p_days_ahead  how many days after today, 0 to 366
-- Returns  the names of the partitions it made
-- Raises   VAL_DAY_OUT_OF_RANGE (22023)
-- Writes   queue.archive · Locks queue.archive, queue.archive_default, when one is missing
-- Example  select * from queue.ensure_archive_partitions();
create function queue.ensure_archive_partitions(p_days_ahead int default 7)
returns setof text
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
set timezone = 'UTC'
as $$
declare
  v_day date;
  v_name text;
begin
  if p_days_ahead is null or p_days_ahead not between 0 and 366 then
    raise exception 'days_ahead must be from 0 to 366'
      using errcode = '22023', hint = 'postkit:queue:VAL_DAY_OUT_OF_RANGE';
  end if;
  -- Today first: it takes the strongest locks, and these are never taken after weaker ones.
  for v_day in
    select clock_timestamp()::date + i from generate_series(0, p_days_ahead) i order by i
  loop
    v_name := queue.create_archive_partition(v_day);
    if v_name is not null then
      return next v_name;
    end if;
  end loop;
end
$$;

-- archive/drop_archive_partitions.sql
-- queue.drop_archive_partitions: ends the retention of jobs that have ended: drops the days that no queue of any namespace
-- keeps any more.
--
-- The longest retention that is set anywhere decides; queue.maintain deletes what single queues keep for a shorter time.
--
-- Returns  the names of the partitions that are gone
-- Writes   queue.archive · Locks queue.archive, queue.archive_default, when one goes
-- Example  select * from queue.drop_archive_partitions();
create function queue.drop_archive_partitions()
returns setof text
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
set timezone = 'UTC'
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
  v_end timestamptz;
  v_partition record;
begin
  perform set_config('postkit.maintenance', 'on', true);
  select clock_timestamp() - max(c.retention)
  into v_end
  from queue.config c;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
  for v_partition in
    select p.partition_name
    from queue._archive_partitions() p
    where p.to_time <= v_end and p.partition_name = to_char(p.from_time, '"archive_y"YYYY"m"MM"d"DD')
    order by p.from_time
  loop
    lock table only queue.archive in access exclusive mode;
    -- Another call may have dropped it while this one waited.
    if to_regclass(format('queue.%I', v_partition.partition_name)) is not null then
      execute format('alter table queue.archive detach partition queue.%I', v_partition.partition_name);
      execute format('drop table queue.%I', v_partition.partition_name);
      return next v_partition.partition_name;
    end if;
  end loop;
end
$$;

-- archive/install.sql
do $$
begin
  perform queue.ensure_archive_partitions();
end
$$;

-- dead_letters/_move_to_dead_letter.sql
-- queue._move_to_dead_letter: ends a job for good, unless somebody retries it.
--
-- Takes    p_error        why; what the job failed with before when null
--          p_reason_code  attempts, failed or timeout
create function queue._move_to_dead_letter(
  p_lease queue.leases,
  p_error text,
  p_reason_code text,
  p_checked_at timestamptz
)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  insert into queue.dead_letters (
    namespace, original_job_id, queue, priority, attempts, max_attempts, payload, tags, metadata, reason_code,
    last_error, actor_id, request_id, on_behalf_of, reason, failed_at
  )
  values (
    p_lease.namespace, p_lease.id, p_lease.queue, p_lease.priority, p_lease.attempts, p_lease.max_attempts,
    p_lease.payload, coalesce(p_lease.tags, '{}'), p_lease.metadata, p_reason_code, coalesce(p_error, p_lease.error), p_lease.actor_id,
    p_lease.request_id, p_lease.on_behalf_of, p_lease.reason, p_checked_at
  );
  perform queue._archive_lease(p_lease, 'dead', coalesce(p_error, p_lease.error), p_checked_at);
end
$$;

-- dead_letters/_retry.sql
-- queue._retry: pushes the job of a dead letter anew, with all its attempts and without its key.
--
-- Takes    p_queue  null for the queue it was on
-- Returns  the id of the new job
create function queue._retry(p_letter queue.dead_letters, p_queue text)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_queue text := coalesce(p_queue, p_letter.queue);
  v_id bigint;
begin
  v_id := queue._enqueue(
    p_letter.namespace, v_queue, p_letter.payload, null, p_letter.priority, p_letter.max_attempts, null, p_letter.tags,
    p_letter.metadata
  );
  update queue.dead_letters d
  set retried_at = clock_timestamp(), retry_job_id = v_id
  where d.namespace = p_letter.namespace and d.id = p_letter.id;
  perform queue._wake(
    p_letter.namespace, v_queue,
    json_build_object('id', v_id, 'queue', v_queue, 'retry_of_dead_letter', p_letter.id)
  );
  return v_id;
end
$$;

-- dead_letters/retry_dead_letter.sql
-- queue.retry_dead_letter: pushes the job of a dead letter anew, with all its attempts and without its key.
--
-- Takes    p_queue  another queue than it was on
-- Returns  the id of the new job
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_DEAD_LETTER_ID_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · DATA_DEAD_LETTER_NOT_FOUND (P0002)
--          · BIZ_DEAD_LETTER_ALREADY_RETRIED (22023)
-- Writes   queue.ready, queue.dead_letters
-- Example  select queue.retry_dead_letter('acme', 7);
create function queue.retry_dead_letter(p_namespace text, p_dead_letter_id bigint, p_queue text default null)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_letter queue.dead_letters;
begin
  perform queue._validate_namespace(p_namespace);
  if p_dead_letter_id is null then
    raise exception 'dead_letter_id is null'
      using errcode = '22004', hint = 'postkit:queue:VAL_DEAD_LETTER_ID_NULL';
  end if;
  if p_queue is not null then
    perform queue._validate_names(p_namespace, p_queue);
  end if;
  perform queue._validate_pull(p_namespace, null);
  select d.*
  into v_letter
  from queue.dead_letters d
  where d.namespace = p_namespace and d.id = p_dead_letter_id
  for update;
  if not found then
    raise exception 'there is no dead letter %', p_dead_letter_id
      using errcode = 'P0002', hint = 'postkit:queue:DATA_DEAD_LETTER_NOT_FOUND';
  end if;
  if v_letter.retried_at is not null then
    raise exception 'dead letter % was retried already, as job %', p_dead_letter_id, v_letter.retry_job_id
      using errcode = '22023', hint = 'postkit:queue:BIZ_DEAD_LETTER_ALREADY_RETRIED';
  end if;
  return queue._retry(v_letter, p_queue);
end
$$;

-- dead_letters/retry_dead_letters.sql
-- queue.retry_dead_letters: pushes the jobs of a queue's dead letters anew, oldest first, each as
-- queue.retry_dead_letter; those that others are just retrying are passed over.
--
-- Takes    p_limit  how many, 1 to 1000
-- Returns  the dead letters with their new jobs
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_NOT_POSITIVE (22023)
--          · VAL_LIMIT_TOO_LARGE (22023)
-- Writes   queue.ready, queue.dead_letters
-- Example  select * from queue.retry_dead_letters('acme', 'email');
create function queue.retry_dead_letters(p_namespace text, p_queue text, p_limit int default 100)
returns table (dead_letter_id bigint, job_id bigint)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_letter queue.dead_letters;
begin
  perform queue._validate_names(p_namespace, p_queue);
  perform queue._validate_limit(p_limit);
  perform queue._validate_pull(p_namespace, null);
  for v_letter in
    select d.*
    from queue.dead_letters d
    where d.namespace = p_namespace and d.queue = p_queue and d.retried_at is null
    order by d.failed_at, d.id
    limit p_limit
    for update skip locked
  loop
    dead_letter_id := v_letter.id;
    job_id := queue._retry(v_letter, null);
    return next;
  end loop;
end
$$;

-- dead_letters/list_dead_letters.sql
-- queue.list_dead_letters: a page of the dead letters, newest first.
--
-- Takes    p_queue         only those of this queue
--          p_with_retried  also those that were retried
--          p_limit         on the page, 1 to 1000
--          p_cursor        id of the last one of the page before
-- Returns  the dead letters: reason_code is attempts, failed or timeout, retry_job_id the job that took its place
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
-- Example  select id, queue, last_error, failed_at from queue.list_dead_letters('acme', 'email');
create function queue.list_dead_letters(
  p_namespace text,
  p_queue text default null,
  p_with_retried boolean default false,
  p_limit int default 100,
  p_cursor bigint default null
)
returns setof queue.dead_letters
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
set plan_cache_mode = force_custom_plan
as $$
begin
  perform queue._assert_readable(p_namespace);
  perform queue._validate_limit(p_limit);
  return query
    select d.*
    from queue.dead_letters d
    where d.namespace = p_namespace
      and (p_queue is null or d.queue = p_queue)
      and (p_with_retried or d.retried_at is null)
      and d.id < coalesce(p_cursor, 9223372036854775807)
    order by d.id desc
    limit p_limit;
end
$$;

-- dead_letters/purge_dead_letters.sql
-- queue.purge_dead_letters: deletes old dead letters that nobody retried; queue.maintain deletes those that were.
--
-- Takes    p_queue       only those of this queue
--          p_older_than  by the time they failed
-- Returns  how many
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.dead_letters
-- Example  select queue.purge_dead_letters('acme', p_older_than => '7 days');
create function queue.purge_dead_letters(
  p_namespace text,
  p_queue text default null,
  p_older_than interval default '30 days'
)
returns int
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_count int;
begin
  perform queue._validate_namespace(p_namespace);
  if p_queue is not null then
    perform queue._validate_names(p_namespace, p_queue);
  end if;
  perform queue._validate_interval_size(p_older_than, 'older_than');
  perform queue._validate_pull(p_namespace, null);
  delete from queue.dead_letters d
  where d.namespace = p_namespace
    and (p_queue is null or d.queue = p_queue)
    and d.retried_at is null
    and d.failed_at < clock_timestamp() - coalesce(p_older_than, interval '30 days');
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

-- leases/_worker.sql
-- queue._worker: the name of a worker, or one for who has none.
create function queue._worker(p_worker_id text)
returns text
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return coalesce(nullif(p_worker_id, ''), 'anonymous');
end
$$;

-- leases/_raise_stale.sql
-- queue._raise_stale: refuses a call on a job that is no longer the caller's.
--
-- Raises   FENCE_STALE (40001)
create function queue._raise_stale(p_job_id bigint)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  raise exception 'job % is not held with this fence: it ran out of time, was settled, or was taken anew', p_job_id
    using errcode = '40001', hint = 'postkit:queue:FENCE_STALE';
end
$$;

-- floors/_returned_offset.sql
-- queue._returned_offset: how far below the new ones the positions of jobs are that came back.
create function queue._returned_offset()
returns bigint
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return 4611686018427387904;
end
$$;

-- floors/_first_position.sql
-- queue._first_position: the first position of a lane between two; null when no job is there.
create function queue._first_position(p_namespace text, p_queue text, p_rank int, p_after bigint, p_before bigint)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return (
    select r.position
    from queue.ready r
    where r.namespace = p_namespace
      and r.queue = p_queue
      and r.rank = p_rank
      and r.position > p_after
      and r.position < p_before
    order by r.position
    limit 1
  );
end
$$;

-- floors/_first_deadline.sql
-- queue._first_deadline: the first deadline of leases after one and up to another; null when there is none.
create function queue._first_deadline(p_after timestamptz, p_until timestamptz)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return (
    select l.expires_at
    from queue.leases l
    where l.expires_at > p_after and l.expires_at <= p_until
    order by l.expires_at
    limit 1
  );
end
$$;

-- floors/_note_lanes.sql
-- queue._note_lanes: notes that jobs of these priorities were taken from a queue, for queue._advance_floors to look after.
create function queue._note_lanes(p_namespace text, p_queue text, p_ranks int[])
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  insert into queue.lanes (namespace, queue, rank, id)
  select p_namespace, p_queue, n.rank, nextval('queue.job_id_seq')
  from (select distinct u.rank from unnest(p_ranks) u (rank)) n
  where not exists (
    select
    from queue.lanes l
    where l.namespace = p_namespace and l.queue = p_queue and l.rank = n.rank
  );
end
$$;

-- floors/_advance_floor.sql
-- queue._advance_floor: moves the floors of one queue up, when it took long to get past what was taken there.
--
-- Takes    p_ranks     of its lanes, in order
--          p_mark      positions up to this one are there to be seen, or will never be
--          p_worth_it  moves them when the way took longer than this
-- Returns  the lanes in which no job is to be seen
create function queue._advance_floor(
  p_namespace text,
  p_queue text,
  p_ranks int[],
  p_mark bigint,
  p_worth_it interval
)
returns int[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
  v_lowest constant bigint := -9223372036854775808;
  v_highest constant bigint := 9223372036854775807;
  v_floor queue.floors;
  v_from_ranks int[] := array[-2147483648];
  v_from_positions bigint[] := array[v_lowest];
  v_to_ranks int[] := '{}';
  v_to_positions bigint[] := '{}';
  v_empty int[] := '{}';
  v_is_worth_it boolean := false;
  v_began_at timestamptz;
  v_rank int;
  v_at int;
  v_returned bigint;
  v_new bigint;
begin
  -- Backwards, since what it takes the place of may still be there, dead.
  select f.*
  into v_floor
  from queue.floors f
  where f.namespace = p_namespace and f.queue = p_queue
  order by f.id desc
  limit 1;
  foreach v_rank in array p_ranks loop
    v_at := array_position(v_floor.from_ranks, v_rank);
    v_began_at := clock_timestamp();
    v_returned := queue._first_position(
      p_namespace, p_queue, v_rank, coalesce(v_floor.from_positions[v_at], v_lowest), 0
    );
    v_new := queue._first_position(
      p_namespace, p_queue, v_rank, coalesce(v_floor.from_positions[v_at + 1], 0), v_highest
    );
    v_is_worth_it := v_is_worth_it or clock_timestamp() > v_began_at + p_worth_it;
    if v_returned is null and v_new is null then
      v_empty := v_empty || v_rank;
    end if;
    v_to_ranks := v_to_ranks || v_rank || v_rank;
    v_to_positions := v_to_positions || v_lowest || 0::bigint;
    v_from_ranks := v_from_ranks || v_rank || v_rank;
    v_from_positions := v_from_positions
      || least(v_returned - 1, p_mark - queue._returned_offset()) || least(v_new - 1, p_mark);
  end loop;
  if not v_is_worth_it then
    return v_empty;
  end if;
  insert into queue.floors (namespace, queue, from_ranks, from_positions, to_ranks, to_positions)
  values (
    p_namespace, p_queue, v_from_ranks, v_from_positions, v_to_ranks || 2147483647, v_to_positions || v_highest
  );
  delete from queue.floors f
  where f.namespace = p_namespace and f.queue = p_queue and f.id <= v_floor.id;
  return v_empty;
end
$$;

-- floors/_advance_lanes.sql
-- queue._advance_lanes: moves the floors of some queues up, going on where it left off, and forgets lanes in which nothing
-- has happened for long.
--
-- Takes    p_mark      positions up to this one are there to be seen, or will never be
--          p_worth_it  moves them when the way to the first job took longer than this
create function queue._advance_lanes(p_mark bigint, p_worth_it interval)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
  v_queues_max constant int := 1000;
  v_max constant interval := '100 milliseconds';
  v_began_at timestamptz := clock_timestamp();
  v_namespace text;
  v_queue text;
  v_ranks int[];
  v_empty int[];
begin
  select u.lane_namespace, u.lane_queue into v_namespace, v_queue from queue.upkeep u;
  for v_count in 1..v_queues_max loop
    select l.namespace, l.queue
    into v_namespace, v_queue
    from queue.lanes l
    where (l.namespace, l.queue) > (v_namespace, v_queue)
    order by l.namespace, l.queue
    limit 1;
    exit when not found;
    v_ranks := array(
      select distinct l.rank
      from queue.lanes l
      where l.namespace = v_namespace and l.queue = v_queue
      order by l.rank
    );
    v_empty := queue._advance_floor(v_namespace, v_queue, v_ranks, p_mark, p_worth_it);
    delete from queue.lanes l
    where l.namespace = v_namespace
      and l.queue = v_queue
      and l.rank = any (v_empty)
      and l.created_at < v_began_at - interval '1 hour';
    exit when clock_timestamp() > v_began_at + v_max;
  end loop;
  -- At the end it begins anew.
  update queue.upkeep u
  set lane_namespace = coalesce(v_namespace, ''), lane_queue = coalesce(v_queue, '')
  where u.id = 1;
end
$$;

-- floors/_advance_floors.sql
-- queue._advance_floors: moves the floors of queues up to the first job that is there, where that is worth it, and the
-- deadline from which on leases are looked through.
--
-- A position is drawn inside the INSERT of its job, under a lock on queue.ready that its transaction keeps to the end. So
-- once the transactions that held that lock after a mark was read have ended, every position up to the mark belongs to a
-- job that can be seen, or to none. Nobody but those is waited for: an old transaction that only reads, or writes
-- elsewhere, keeps dead rows but does not hinder this. Deadlines are the same, but for the moment between reading the
-- clock and the lock on queue.leases: for who takes very long there, all leases are looked through now and then. Called by
-- the owner in maintenance, one at a time.
--
-- Takes    p_worth_it  moves floors when the way to the first job took longer: by default what some hundred dead rows take
create function queue._advance_floors(p_worth_it interval default '200 microseconds')
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_began_at timestamptz := clock_timestamp();
  v_mark queue.marks;
  v_position bigint;
  v_in_flight text[];
  v_until timestamptz;
begin
  -- An old snapshot would not see the jobs of transactions that have ended.
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  select m.* into v_mark from queue.marks m order by m.id desc limit 1;
  -- First the position, then who may have drawn it. The sequence itself is not to be read: it shows positions that nobody
  -- has drawn, before the first one and for moments later on.
  select coalesce(s.last_value, 0)
  into v_position
  from pg_catalog.pg_sequences s
  where s.schemaname = 'queue' and s.sequencename = 'job_id_seq';
  v_in_flight := queue._writes_in_flight(array['queue.ready', 'queue.deferred', 'queue.leases']::regclass[]);
  -- A prepared transaction that was there before a crash has another name since, and may be any of those that are noted.
  if v_mark.transactions && v_in_flight or exists (select from unnest(v_in_flight) t (id) where t.id like '-1/%') then
    return;
  end if;
  if v_mark.id is not null then
    v_until := v_mark.created_at - interval '1 minute';
    v_mark.expires_after := coalesce(
      queue._first_deadline(v_mark.expires_after, v_until) - interval '1 microsecond', v_until
    );
    perform queue._advance_lanes(v_mark.position, p_worth_it);
  end if;
  if v_mark.id is null or v_mark.all_from < v_began_at - interval '5 minutes' then
    v_mark.expires_after := '-infinity';
    v_mark.all_from := v_began_at;
  end if;
  insert into queue.marks (position, transactions, expires_after, all_from, created_at)
  values (v_position, v_in_flight, v_mark.expires_after, v_mark.all_from, v_began_at);
  delete from queue.marks m where m.id <= v_mark.id;
end
$$;

-- leases/_pick_with_due.sql
-- queue._pick_with_due: locks the next jobs of a queue that has deferred ones which are due, among the ready ones.
--
-- Looks further than p_limit, since others may hold locks on the first ones; locks no more than it returns, since a lock
-- that is kept in a long transaction hides its job. Ranges are looked through as in queue._pick.
--
-- Takes    p_now  what is due by then
--          p_floor  where the jobs of the queue begin
-- Returns  where they are in queue.ready and in queue.deferred; the lowest and the highest rank of the former
create function queue._pick_with_due(
  p_namespace text,
  p_queue text,
  p_limit int,
  p_now timestamptz,
  p_floor queue.floors,
  out ready tid[],
  out deferred tid[],
  out ranks int[]
)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
  v_depth int := p_limit + 100;
  v_seen int;
begin
  loop
    with recursive priorities (priority) as (
      (
        select d.priority
        from queue.deferred d
        where d.namespace = p_namespace and d.queue = p_queue
        order by d.priority desc
        limit 1
      )
      union all
      select (
        select d.priority
        from queue.deferred d
        where d.namespace = p_namespace and d.queue = p_queue and d.priority < p.priority
        order by d.priority desc
        limit 1
      )
      from priorities p
      where p.priority is not null
    ),
    due as (
      select d.place, p.priority, d.run_at, d.id
      from priorities p
      cross join lateral (
        select d.ctid as place, d.run_at, d.id
        from queue.deferred d
        where d.namespace = p_namespace and d.queue = p_queue and d.priority = p.priority and d.run_at <= p_now
        order by d.run_at, d.id
        limit v_depth
      ) d
      limit v_depth
    ),
    candidates as (
      select d.place, false as is_ready, -d.priority as rank, 0 as turn, d.run_at as scheduled_at, d.id
      from due d
      union all
      (
        select r.place, true, r.rank, r.turn, r.scheduled_at, r.id
        from unnest(p_floor.from_ranks, p_floor.from_positions, p_floor.to_ranks, p_floor.to_positions)
          f (from_rank, from_position, to_rank, to_position)
        cross join lateral (
          (
            select r.ctid as place, r.rank, least(r.position, 0) as turn,
              coalesce(r.scheduled_at, r.created_at) as scheduled_at, r.id
            from queue.ready r
            where f.from_rank = f.to_rank
              and r.namespace = p_namespace
              and r.queue = p_queue
              and r.rank = f.to_rank
              and r.position > f.from_position
              and r.position < f.to_position
            order by r.rank, r.position
            limit v_depth
          )
          union all
          (
            select r.ctid, r.rank, least(r.position, 0), coalesce(r.scheduled_at, r.created_at), r.id
            from queue.ready r
            where f.from_rank < f.to_rank
              and r.namespace = p_namespace
              and r.queue = p_queue
              and (r.rank, r.position) > (f.from_rank, f.from_position)
              and r.rank < f.to_rank
            order by r.rank, r.position
            limit v_depth
          )
        ) r
        limit v_depth
      )
    ),
    picked as (
      select c.is_ready, c.rank, coalesce(r.place, d.place) as place
      from (
        select c.place, c.is_ready, c.rank
        from candidates c
        order by c.rank, c.turn, c.scheduled_at, c.id
      ) c
      left join lateral (
        select r.ctid as place
        from queue.ready r
        where c.is_ready and r.ctid = c.place and r.namespace = p_namespace
        for update skip locked
      ) r on true
      left join lateral (
        select d.ctid as place
        from queue.deferred d
        where not c.is_ready and d.ctid = c.place and d.namespace = p_namespace
        for update skip locked
      ) d on true
      where r.place is not null or d.place is not null
      limit p_limit
    )
    select coalesce(array_agg(p.place) filter (where p.is_ready), '{}'),
      coalesce(array_agg(p.place) filter (where not p.is_ready), '{}'),
      array[min(p.rank) filter (where p.is_ready), max(p.rank) filter (where p.is_ready)],
      (select greatest(count(*) filter (where c.is_ready), count(*) filter (where not c.is_ready)) from candidates c)
    into ready, deferred, ranks, v_seen
    from picked p;
    exit when cardinality(ready) + cardinality(deferred) = p_limit or v_seen < v_depth;
    v_depth := v_depth * 10;
  end loop;
end
$$;

-- leases/_pick.sql
-- queue._pick: locks the next jobs of a queue, in the order of priority and then of time.
--
-- Jobs that came back are before the new ones of their priority, in the order in which they did. Deferred jobs that are
-- due are taken from where they are, so that none waits for anybody to move it. Plans are pinned: statistics of tables
-- that fill and empty within seconds are always wrong. Without sorts, an order leaves one index only.
--
-- Ranges within one rank and those over several are looked through apart: before 18, a scan that only a pair of rank and
-- position ends goes on to the end of the rank.
--
-- Takes    p_limit       the most jobs, 1 or more
--          p_visibility  how long they are to be the worker's; null for the setting of the queue
-- Returns  where they are in queue.ready and in queue.deferred, null when the queue is paused or has none; when they are
--          taken, and until when
create function queue._pick(
  p_namespace text,
  p_queue text,
  p_limit int,
  p_visibility interval,
  out ready tid[],
  out deferred tid[],
  out taken_at timestamptz,
  out expires_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
  v_known record;
  v_floor queue.floors;
  v_ranks int[];
begin
  taken_at := clock_timestamp();
  -- The newest floor is looked for backwards, since what it takes the place of may still be there, dead.
  select coalesce(
      (select c.paused_at from queue.config c where c.namespace = p_namespace and c.queue = p_queue),
      (select c.paused_at from queue.config c where c.namespace = p_namespace and c.queue = '')
    ) is not null as is_paused,
    (
      select d.run_at
      from queue.deferred d
      where d.namespace = p_namespace and d.queue = p_queue and d.run_at <= taken_at
      order by d.run_at
      limit 1
    ) is not null as has_due,
    (
      select f
      from queue.floors f
      where f.namespace = p_namespace and f.queue = p_queue
      order by f.id desc
      limit 1
    ) as floor,
    array(select l.rank from queue.lanes l where l.namespace = p_namespace and l.queue = p_queue) as ranks
  into v_known;
  if v_known.is_paused then
    return;
  end if;
  v_floor := v_known.floor;
  if v_floor is null then
    v_floor.from_ranks := array[-2147483648];
    v_floor.from_positions := array[-9223372036854775808];
    v_floor.to_ranks := array[2147483647];
    v_floor.to_positions := array[9223372036854775807];
  end if;

  if v_known.has_due then
    select p.ready, p.deferred, p.ranks
    into ready, deferred, v_ranks
    from queue._pick_with_due(p_namespace, p_queue, p_limit, taken_at, v_floor) p;
  else
    deferred := '{}';
    select coalesce(array_agg(p.place), '{}'), array[min(p.rank), max(p.rank)]
    into ready, v_ranks
    from (
      select coalesce(o.place, w.place) as place, coalesce(o.rank, w.rank) as rank
      from unnest(v_floor.from_ranks, v_floor.from_positions, v_floor.to_ranks, v_floor.to_positions)
        f (from_rank, from_position, to_rank, to_position)
      left join lateral (
        select r.ctid as place, r.rank
        from queue.ready r
        where f.from_rank = f.to_rank
          and r.namespace = p_namespace
          and r.queue = p_queue
          and r.rank = f.to_rank
          and r.position > f.from_position
          and r.position < f.to_position
        order by r.rank, r.position
        limit p_limit
        for update skip locked
      ) o on true
      left join lateral (
        select r.ctid as place, r.rank
        from queue.ready r
        where f.from_rank < f.to_rank
          and r.namespace = p_namespace
          and r.queue = p_queue
          and (r.rank, r.position) > (f.from_rank, f.from_position)
          and r.rank < f.to_rank
        order by r.rank, r.position
        limit p_limit
        for update skip locked
      ) w on true
      where o.place is not null or w.place is not null
      limit p_limit
    ) p;
  end if;
  if ready = '{}' and deferred = '{}' then
    ready := null;
    deferred := null;
    return;
  end if;
  if ready <> '{}' and not v_known.ranks @> v_ranks then
    perform queue._note_lanes(p_namespace, p_queue, v_ranks);
  end if;
  expires_at := taken_at + coalesce(
    p_visibility, (queue._get_config(p_namespace, p_queue)).default_visibility_timeout
  );
end
$$;

-- leases/_lease.sql
-- queue._lease: hands jobs that are locked to a worker.
--
-- Scans by index are off, so that rows are reached by their places and by nothing else, whatever statistics say.
--
-- Takes    p_ready, p_deferred  where the jobs are in these tables
-- Returns  the leases, in the order in which the jobs are to run
create function queue._lease(
  p_namespace text,
  p_queue text,
  p_ready tid[],
  p_deferred tid[],
  p_worker_id text,
  p_now timestamptz,
  p_expires_at timestamptz
)
returns setof queue.leases
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_indexscan = off
set enable_bitmapscan = off
as $$
begin
  return query
    with from_ready as (
      delete from queue.ready r
      where r.ctid = any (p_ready) and r.namespace = p_namespace
      returning r.*
    ),
    from_deferred as (
      delete from queue.deferred d
      where d.ctid = any (p_deferred) and d.namespace = p_namespace
      returning d.*
    ),
    taken as (
      select r.id, r.rank, least(r.position, 0) as turn, r.attempts, r.max_attempts, r.payload, r.unique_key, r.tags,
        r.metadata, r.error, r.actor_id, r.request_id, r.on_behalf_of, r.reason, r.scheduled_at, r.created_at
      from from_ready r
      union all
      select d.id, -d.priority, 0, d.attempts, d.max_attempts, d.payload, d.unique_key, d.tags, d.metadata, d.error,
        d.actor_id, d.request_id, d.on_behalf_of, d.reason, d.run_at, d.created_at
      from from_deferred d
    )
    insert into queue.leases as l (
      namespace, id, fence, queue, priority, attempts, max_attempts, payload, unique_key, tags, metadata, error,
      actor_id, request_id, on_behalf_of, reason, worker_id, locked_at, expires_at, scheduled_at, created_at
    )
    select p_namespace, t.id, nextval('queue.fence_token_seq'), p_queue, -t.rank, t.attempts + 1, t.max_attempts,
      t.payload, t.unique_key, t.tags, t.metadata, t.error, t.actor_id, t.request_id, t.on_behalf_of, t.reason,
      p_worker_id, p_now, p_expires_at, t.scheduled_at, t.created_at
    from taken t
    order by t.rank, t.turn, coalesce(t.scheduled_at, t.created_at), t.id
    returning l.*;
end
$$;

-- leases/_pull.sql
-- queue._pull: takes jobs of queues for a worker, queue by queue in the order given, and there as queue._pick does.
--
-- Takes    p_limit       the most jobs, 1 or more
--          p_visibility  how long they are the worker's; null for the setting of each queue
-- Returns  the jobs as they are now, in that order
create function queue._pull(p_namespace text, p_queues text[], p_limit int, p_worker_id text, p_visibility interval)
returns setof queue.jobs
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_room int := p_limit;
  v_count int;
  v_queue text;
  v_picked record;
begin
  foreach v_queue in array p_queues loop
    v_picked := queue._pick(p_namespace, v_queue, v_room, p_visibility);
    continue when v_picked.ready is null;
    return query
      select l.id, l.namespace, l.queue, l.payload, l.priority, coalesce(l.scheduled_at, l.created_at), 'running', l.attempts,
        l.max_attempts, l.worker_id, l.locked_at, l.expires_at, null::timestamptz, l.error, l.unique_key,
        coalesce(l.tags, '{}'), l.metadata, l.actor_id, l.request_id, l.on_behalf_of, l.reason, l.created_at, l.locked_at,
        l.fence
      from queue._lease(
        p_namespace, v_queue, v_picked.ready, v_picked.deferred, p_worker_id, v_picked.taken_at, v_picked.expires_at
      ) l;
    get diagnostics v_count = row_count;
    v_room := v_room - v_count;
    exit when v_room = 0;
  end loop;
end
$$;

-- leases/_pull_json.sql
-- queue._pull_json: takes jobs as queue._pull does, as JSON.
--
-- It is written out, since to_json would look up the type of each column again for each job.
--
-- Returns  objects with the columns of queue.jobs that a worker wants, but those that are null, with commas between, null
--          when there are none; and how many
create function queue._pull_json(
  p_namespace text,
  p_queues text[],
  p_limit int,
  p_worker_id text,
  p_visibility interval,
  out jobs text,
  out count int
)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_queue text;
  v_picked record;
  v_constant text;
  v_jobs text;
  v_count int;
begin
  count := 0;
  foreach v_queue in array p_queues loop
    v_picked := queue._pick(p_namespace, v_queue, p_limit - count, p_visibility);
    continue when v_picked.ready is null;
    v_constant := concat(',"queue":', to_json(v_queue), ',"visibility_timeout_at":', to_json(v_picked.expires_at));
    select string_agg(
        concat(
          '{"id":"', l.id, '","fence_token":"', l.fence, '","payload":', l.payload, ',"priority":', l.priority,
          ',"attempts":', l.attempts, ',"max_attempts":', l.max_attempts, ',"created_at":', to_json(l.created_at),
          ',"scheduled_at":' || to_json(l.scheduled_at)::text, ',"error":' || to_json(l.error)::text,
          ',"unique_key":' || to_json(l.unique_key)::text, ',"tags":' || to_json(l.tags)::text, ',"metadata":' || l.metadata::text,
          ',"actor_id":' || to_json(l.actor_id)::text, ',"request_id":' || to_json(l.request_id)::text,
          ',"on_behalf_of":' || to_json(l.on_behalf_of)::text, ',"reason":' || to_json(l.reason)::text, v_constant, '}'
        ), ','
      ), count(*)
    into v_jobs, v_count
    from queue._lease(
      p_namespace, v_queue, v_picked.ready, v_picked.deferred, p_worker_id, v_picked.taken_at, v_picked.expires_at
    ) l;
    jobs := concat_ws(',', jobs, v_jobs);
    count := count + v_count;
    exit when count = p_limit;
  end loop;
end
$$;

-- leases/pull.sql
-- queue.pull: takes the next job of a queue.
--
-- It is the worker's until the visibility timeout is over: to be acknowledged, given back or extended until then, each
-- time with its id and its fence. What is not, goes to another worker. Jobs that others are just taking are passed over.
-- When the transaction rolls back, the job was never taken.
--
-- Takes    p_worker_id           who takes it, for people who look; anonymous by default
--          p_visibility_timeout  the setting of the queue by default
-- Returns  the job as it is now, its attempts counting this one; nothing when none may run
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_INTERVAL_NOT_POSITIVE (22023)
--          · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.ready, queue.deferred, queue.leases
-- Example  select id, fence_token, payload from queue.pull('acme', 'email', 'worker-1');
create function queue.pull(
  p_namespace text,
  p_queue text,
  p_worker_id text default null,
  p_visibility_timeout interval default null
)
returns setof queue.jobs
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  perform queue._validate_names(p_namespace, p_queue);
  perform queue._validate_pull(p_namespace, p_visibility_timeout);
  return query
    select j.* from queue._pull(p_namespace, array[p_queue], 1, queue._worker(p_worker_id), p_visibility_timeout) j;
end
$$;

-- leases/pull_batch.sql
-- queue.pull_batch: takes the next jobs of a queue, as queue.pull takes one.
--
-- Takes    p_limit  the most jobs, 1 to 1000
-- Returns  the jobs in the order in which they are to run
-- Raises   what queue.pull raises · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
-- Writes   queue.ready, queue.deferred, queue.leases
-- Example  select id, fence_token, payload from queue.pull_batch('acme', 'email', 100);
create function queue.pull_batch(
  p_namespace text,
  p_queue text,
  p_limit int default 10,
  p_worker_id text default null,
  p_visibility_timeout interval default null
)
returns setof queue.jobs
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  perform queue._validate_names(p_namespace, p_queue);
  perform queue._validate_limit(p_limit);
  perform queue._validate_pull(p_namespace, p_visibility_timeout);
  return query
    select j.* from queue._pull(p_namespace, array[p_queue], p_limit, queue._worker(p_worker_id), p_visibility_timeout) j;
end
$$;

-- leases/pull_any.sql
-- queue.pull_any: takes the next job of the first of some queues that has one, as queue.pull takes it.
--
-- Takes    p_queues  names of queues, at most 1000; the order is that in which they are served
-- Returns  the job; nothing when none of the queues has one, or there are no queues
-- Raises   what queue.pull raises · VAL_BATCH_TOO_LARGE (22023)
-- Writes   queue.ready, queue.deferred, queue.leases
-- Example  select id, queue, fence_token, payload from queue.pull_any('acme', array['urgent', 'email']);
create function queue.pull_any(
  p_namespace text,
  p_queues text[],
  p_worker_id text default null,
  p_visibility_timeout interval default null
)
returns setof queue.jobs
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_queues text[] := coalesce(p_queues, '{}');
begin
  perform queue._validate_queues(p_namespace, v_queues);
  perform queue._validate_pull(p_namespace, p_visibility_timeout);
  return query
    select j.* from queue._pull(p_namespace, v_queues, 1, queue._worker(p_worker_id), p_visibility_timeout) j;
end
$$;

-- leases/_end_lease.sql
-- queue._end_lease: takes a job from the worker that holds it, for the caller to put elsewhere.
--
-- The deadline is tested by the clock once the row is ours: who waited for it beyond the deadline has lost the job.
--
-- Returns  the lease as it was
-- Raises   VAL_NAMESPACE_NULL (22004) and its like · VAL_JOB_ID_NULL (22004) · VAL_FENCE_NULL (22004)
--          · FENCE_STALE (40001)
create function queue._end_lease(p_namespace text, p_job_id bigint, p_fence bigint)
returns queue.leases
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_lease queue.leases;
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_job_id(p_job_id);
  perform queue._validate_fence(p_fence);
  if current_setting('postkit.tenant_id', true) is distinct from p_namespace then
    perform queue._warn_namespace_mismatch(p_namespace);
  end if;
  delete from queue.leases l
  where l.namespace = p_namespace and l.id = p_job_id and l.fence = p_fence
  returning l.* into v_lease;
  if not found or v_lease.expires_at <= clock_timestamp() then
    perform queue._raise_stale(p_job_id);
  end if;
  return v_lease;
end
$$;

-- leases/_lock_leases.sql
-- queue._lock_leases: locks the leases of jobs that are held with their fences, in the order of their ids.
--
-- Returns  where they are in queue.leases
create function queue._lock_leases(p_namespace text, p_job_ids bigint[], p_fences bigint[])
returns tid[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_memoize = off
as $$
begin
  return array(
    select l.place
    from (
      select s.id, s.fence
      from unnest(p_job_ids, p_fences) s (id, fence)
      order by s.id
    ) s
    cross join lateral (
      select l.ctid as place
      from queue.leases l
      where l.namespace = p_namespace and l.id = s.id and l.fence = s.fence
      for update
    ) l
  );
end
$$;

-- leases/_find_leases.sql
-- queue._find_leases: where the leases of jobs are that are held with their fences, in the order of their ids.
create function queue._find_leases(p_namespace text, p_job_ids bigint[], p_fences bigint[])
returns tid[]
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_memoize = off
as $$
begin
  return array(
    select l.place
    from (
      select s.id, s.fence
      from unnest(p_job_ids, p_fences) s (id, fence)
      order by s.id
    ) s
    cross join lateral (
      select l.ctid as place
      from queue.leases l
      where l.namespace = p_namespace and l.id = s.id and l.fence = s.fence
      offset 0
    ) l
  );
end
$$;

-- leases/_end_leases.sql
-- queue._end_leases: ends leases of jobs that are done, but those whose time is over: keeps the jobs where that is set,
-- and frees their keys.
--
-- Scans by index are off, so that rows are reached by their places and by nothing else, whatever statistics say; and one
-- by one, in the order of the array, which is that in which all others lock them.
--
-- Takes    p_places      in queue.leases
--          p_are_locked  whether they are ours already; else one may be moved, or its time be over, before it is ours
-- Returns  the ids of the jobs
-- Raises   PK002 when that happened, and nothing is done
create function queue._end_leases(p_namespace text, p_places tid[], p_are_locked boolean)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_indexscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_done bigint[];
  v_is_late boolean;
  v_queues text[];
  v_keys text[];
begin
  if queue._archives_completed(p_namespace) then
    with done as (
      delete from queue.leases l
      using unnest(p_places) p (place)
      where l.ctid = p.place and l.namespace = p_namespace and l.expires_at > v_now
      returning l.*
    ),
    archived as (
      select q.queue
      from (select distinct d.queue from done d) q
      where queue._is_archived(p_namespace, q.queue)
    ),
    kept as (
      insert into queue.archive (
        namespace, id, queue, status, priority, attempts, max_attempts, payload, unique_key, tags, metadata,
        actor_id, request_id, on_behalf_of, reason, scheduled_at, created_at, finished_at
      )
      select d.namespace, d.id, d.queue, 'completed', d.priority, d.attempts, d.max_attempts, d.payload, d.unique_key,
        d.tags, d.metadata, d.actor_id, d.request_id, d.on_behalf_of, d.reason, d.scheduled_at, d.created_at, v_now
      from done d
      where d.queue = any (array(select a.queue from archived a))
    )
    select coalesce(array_agg(d.id), '{}'), bool_or(d.expires_at <= clock_timestamp()),
      array_agg(d.queue) filter (where d.unique_key is not null),
      array_agg(d.unique_key) filter (where d.unique_key is not null)
    into v_done, v_is_late, v_queues, v_keys
    from done d;
  else
    with done as (
      delete from queue.leases l
      using unnest(p_places) p (place)
      where l.ctid = p.place and l.namespace = p_namespace and l.expires_at > v_now
      returning l.id, l.queue, l.unique_key, l.expires_at
    )
    select coalesce(array_agg(d.id), '{}'), bool_or(d.expires_at <= clock_timestamp()),
      array_agg(d.queue) filter (where d.unique_key is not null),
      array_agg(d.unique_key) filter (where d.unique_key is not null)
    into v_done, v_is_late, v_queues, v_keys
    from done d;
  end if;
  if not p_are_locked and (v_is_late or cardinality(v_done) < cardinality(p_places)) then
    raise exception 'a job was moved or ran out of time' using errcode = 'PK002';
  end if;
  if v_keys is not null then
    perform queue._free_keys(p_namespace, v_queues, v_keys);
  end if;
  return v_done;
end
$$;

-- leases/_complete.sql
-- queue._complete: ends the leases of jobs that are done, as far as they are held with their fences.
--
-- Returns  the ids of those that are not
create function queue._complete(p_namespace text, p_job_ids bigint[], p_fences bigint[])
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_done bigint[];
begin
  begin
    v_done := queue._end_leases(p_namespace, queue._find_leases(p_namespace, p_job_ids, p_fences), false);
  exception
    -- A heartbeat may have moved one, or somebody held it until its time was over. All are let go first, so that they are
    -- locked in the order of their ids whatever was had already; once they are, nothing moves and nothing is waited for.
    when sqlstate 'PK002' then
      v_done := queue._end_leases(p_namespace, queue._lock_leases(p_namespace, p_job_ids, p_fences), true);
  end;
  if cardinality(v_done) = cardinality(p_job_ids) then
    return '{}';
  end if;
  return array(select s.id from unnest(p_job_ids) s (id) where s.id <> all (v_done));
end
$$;

-- leases/_fail_attempt.sql
-- queue._fail_attempt: puts a job whose attempt failed aside to be tried again, or among the dead letters.
--
-- Returns  whether it will be tried again
-- Raises   VAL_INTERVAL_TOO_LARGE (22023)
create function queue._fail_attempt(p_lease queue.leases, p_error text, p_backoff interval)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  if p_lease.cancel_requested_at is not null then
    perform queue._archive_lease(p_lease, 'cancelled', p_error, v_now);
    return false;
  end if;
  if p_lease.attempts >= p_lease.max_attempts then
    perform queue._move_to_dead_letter(p_lease, p_error, 'attempts', v_now);
    return false;
  end if;
  if p_backoff is not null then
    perform queue._validate_interval_size(p_backoff, 'backoff');
  end if;
  perform queue._requeue(
    p_lease, p_lease.attempts, p_error,
    v_now + coalesce(p_backoff, queue._retry_delay(p_lease.namespace, p_lease.queue, p_lease.attempts)), v_now
  );
  -- Who waits has to learn how long: this may be due before all that he knows of.
  perform queue._wake(
    p_lease.namespace, p_lease.queue, json_build_object('id', p_lease.id, 'queue', p_lease.queue)
  );
  return true;
end
$$;

-- leases/ack.sql
-- queue.ack: tells that a job is done.
--
-- In the transaction that did the work, both commit or neither. The job is gone, or kept where archive_completed is set.
--
-- Takes    p_job_id, p_fence  of the job as pulled
-- Returns  true
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_JOB_ID_NULL (22004)
--          · VAL_FENCE_NULL (22004) · FENCE_STALE (40001)
-- Writes   queue.leases, queue.archive, queue.unique_keys
-- Example  select queue.ack('acme', 42, 1007);
create function queue.ack(p_namespace text, p_job_id bigint, p_fence bigint)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_lease queue.leases := queue._end_lease(p_namespace, p_job_id, p_fence);
begin
  perform queue._archive_lease(v_lease, 'completed', null, clock_timestamp());
  return true;
end
$$;

-- leases/ack_batch.sql
-- queue.ack_batch: tells that up to 1,000 jobs are done, all or none.
--
-- Takes    p_job_ids  ids of jobs, no one twice
--          p_fences   the fence of each
-- Returns  how many
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_ACK_BATCH_LENGTH (22023)
--          · VAL_BATCH_TOO_LARGE (22023) · VAL_JOB_ID_NULL (22004) · VAL_FENCE_NULL (22004)
--          · VAL_ACK_BATCH_DUPLICATE_JOB (22023) · FENCE_STALE (40001)
-- Writes   queue.leases, queue.archive, queue.unique_keys · Locks the leases in the order of their ids
-- Example  select queue.ack_batch('acme', array[42, 43], array[1007, 1008]);
create function queue.ack_batch(p_namespace text, p_job_ids bigint[], p_fences bigint[])
returns int
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_stale bigint[];
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_settlement(p_job_ids, p_fences);
  if coalesce(cardinality(p_job_ids), 0) = 0 then
    return 0;
  end if;
  perform queue._validate_pull(p_namespace, null);
  v_stale := queue._complete(p_namespace, p_job_ids, p_fences);
  if v_stale <> '{}' then
    perform queue._raise_stale(v_stale[1]);
  end if;
  return cardinality(p_job_ids);
end
$$;

-- leases/nack.sql
-- queue.nack: tells that an attempt at a job failed.
--
-- It is tried again after a while, unless its attempts are used up: then it becomes a dead letter.
--
-- Takes    p_job_id, p_fence  of the job as pulled
--          p_error    why; takes the place of an earlier one, also when null
--          p_backoff  how long it waits; by default what the queue's settings say for the number of attempts, which is 30
--                     seconds, doubled each time, up to an hour
-- Returns  true when it will be tried again, false when it is a dead letter, or ended since its cancellation was asked for
-- Raises   what queue.ack raises · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.leases, queue.deferred, queue.dead_letters, queue.archive, queue.unique_keys
-- Example  select queue.nack('acme', 42, 1007, 'smtp: 451', '10 seconds');
create function queue.nack(
  p_namespace text,
  p_job_id bigint,
  p_fence bigint,
  p_error text default null,
  p_backoff interval default null
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_lease queue.leases := queue._end_lease(p_namespace, p_job_id, p_fence);
begin
  return queue._fail_attempt(v_lease, p_error, p_backoff);
end
$$;

-- leases/fail.sql
-- queue.fail: gives a job up: it becomes a dead letter, whatever attempts are left.
--
-- Takes    p_job_id, p_fence  of the job as pulled
--          p_error  why; what it failed with before by default
-- Returns  true
-- Raises   what queue.ack raises
-- Writes   queue.leases, queue.dead_letters, queue.archive, queue.unique_keys
-- Example  select queue.fail('acme', 42, 1007, 'no such customer');
create function queue.fail(p_namespace text, p_job_id bigint, p_fence bigint, p_error text default null)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_lease queue.leases := queue._end_lease(p_namespace, p_job_id, p_fence);
begin
  perform queue._move_to_dead_letter(v_lease, p_error, 'failed', clock_timestamp());
  return true;
end
$$;

-- leases/release.sql
-- queue.release: gives a job back untouched; it may be taken at once, before the new ones of its priority.
--
-- Takes    p_job_id, p_fence  of the job as pulled
--          p_count_attempt    whether the attempt that was not made counts all the same
-- Returns  true
-- Raises   what queue.ack raises
-- Writes   queue.leases, queue.ready
-- Example  select queue.release('acme', 42, 1007);
create function queue.release(
  p_namespace text,
  p_job_id bigint,
  p_fence bigint,
  p_count_attempt boolean default true
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_lease queue.leases := queue._end_lease(p_namespace, p_job_id, p_fence);
begin
  perform queue._requeue(
    v_lease, v_lease.attempts - case when coalesce(p_count_attempt, true) then 0 else 1 end, v_lease.error, null,
    clock_timestamp()
  );
  perform queue._wake(p_namespace, v_lease.queue, json_build_object('id', v_lease.id, 'queue', v_lease.queue));
  return true;
end
$$;

-- leases/extend_visibility.sql
-- queue.extend_visibility: gives a worker more time for a job.
--
-- Takes    p_job_id, p_fence  of the job as pulled
--          p_extension  is added to the deadline
-- Returns  true
-- Raises   what queue.ack raises · VAL_EXTENSION_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.leases
-- Example  select queue.extend_visibility('acme', 42, 1007, '5 minutes');
create function queue.extend_visibility(p_namespace text, p_job_id bigint, p_fence bigint, p_extension interval)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_expires_at timestamptz;
  v_now timestamptz;
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_job_id(p_job_id);
  perform queue._validate_fence(p_fence);
  if p_extension is null or p_extension <= interval '0' then
    raise exception 'extension must be longer than nothing'
      using errcode = '22023', hint = 'postkit:queue:VAL_EXTENSION_POSITIVE';
  end if;
  perform queue._validate_interval_size(p_extension, 'extension');
  perform queue._validate_pull(p_namespace, null);
  select l.expires_at
  into v_expires_at
  from queue.leases l
  where l.namespace = p_namespace and l.id = p_job_id and l.fence = p_fence
  for update;
  v_now := clock_timestamp();
  if not found or v_expires_at <= v_now then
    perform queue._raise_stale(p_job_id);
  end if;
  update queue.leases l
  set expires_at = v_expires_at + p_extension, updated_at = v_now
  where l.namespace = p_namespace and l.id = p_job_id;
  return true;
end
$$;

-- leases/heartbeat_batch.sql
-- queue.heartbeat_batch: tells that a worker is still at up to 1,000 jobs: each is its own until the timeout from now.
--
-- Takes    p_job_ids, p_fences  of the jobs as pulled
--          p_timeout            from now on, not from the deadline there was
-- Returns  a row for each job, in no order: held, cancel_requested, for one that is held and is to be given up, or stale
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_ACK_BATCH_LENGTH (22023)
--          · VAL_BATCH_TOO_LARGE (22023) · VAL_JOB_ID_NULL (22004) · VAL_FENCE_NULL (22004)
--          · VAL_ACK_BATCH_DUPLICATE_JOB (22023) · VAL_EXTENSION_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.leases · Locks the leases in the order of their ids
-- Example  select * from queue.heartbeat_batch('acme', array[42, 43], array[1007, 1008], '1 minute');
create function queue.heartbeat_batch(p_namespace text, p_job_ids bigint[], p_fences bigint[], p_timeout interval)
returns table (job_id bigint, status text)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_indexscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_places tid[];
  v_now timestamptz;
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_settlement(p_job_ids, p_fences);
  if p_timeout is null or p_timeout <= interval '0' then
    raise exception 'timeout must be longer than nothing'
      using errcode = '22023', hint = 'postkit:queue:VAL_EXTENSION_POSITIVE';
  end if;
  perform queue._validate_interval_size(p_timeout, 'timeout');
  perform queue._validate_pull(p_namespace, null);
  v_places := queue._lock_leases(p_namespace, p_job_ids, p_fences);
  v_now := clock_timestamp();
  return query
    with held as (
      update queue.leases l
      set expires_at = v_now + p_timeout, updated_at = v_now
      where l.ctid = any (v_places) and l.namespace = p_namespace and l.expires_at > v_now
      returning l.id, l.cancel_requested_at
    )
    select s.id, case
        when h.id is null then 'stale'
        when h.cancel_requested_at is not null then 'cancel_requested'
        else 'held'
      end
    from unnest(p_job_ids) s (id)
    left join held h on h.id = s.id;
end
$$;

-- leases/settle_batch.sql
-- queue.settle_batch: settles up to 1,000 jobs, each in its own way and none hindered by another.
--
-- Takes    p_job_ids, p_fences  of the jobs as pulled
--          p_outcomes  for each: ack, nack, fail, release, release_uncounted, which gives the attempt back, or cancel,
--                      which ends the job as cancelled, whether or not somebody asked for it
--          p_errors    for nack, fail and cancel: why; none by default
--          p_delays    for nack: how long it waits; the settings of the queue by default
-- Returns  a row for each job: ok, dead for one that a nack made a dead letter, or stale for one that was not held
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_ACK_BATCH_LENGTH (22023)
--          · VAL_BATCH_TOO_LARGE (22023) · VAL_JOB_ID_NULL (22004) · VAL_FENCE_NULL (22004)
--          · VAL_ACK_BATCH_DUPLICATE_JOB (22023) · VAL_OUTCOME_UNKNOWN (22023) · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.leases, queue.ready, queue.deferred, queue.dead_letters, queue.archive, queue.unique_keys
--          · Locks the leases in the order of their ids
-- Example  select * from queue.settle_batch('acme', array[42, 43], array[1007, 1008], array['ack', 'nack']);
create function queue.settle_batch(
  p_namespace text,
  p_job_ids bigint[],
  p_fences bigint[],
  p_outcomes text[],
  p_errors text[] default null,
  p_delays interval[] default null
)
returns table (job_id bigint, status text)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_settlement record;
  v_lease queue.leases;
  v_stale bigint[];
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_settlement(p_job_ids, p_fences);
  perform queue._validate_outcomes(cardinality(p_job_ids), p_outcomes, p_errors, p_delays);
  perform queue._validate_pull(p_namespace, null);
  if coalesce(cardinality(p_job_ids), 0) = 0 then
    return;
  end if;
  if 'ack' = all (p_outcomes) then
    v_stale := queue._complete(p_namespace, p_job_ids, p_fences);
    return query
      select s.id, case when s.id = any (v_stale) then 'stale' else 'ok' end
      from unnest(p_job_ids) s (id);
    return;
  end if;
  perform queue._lock_leases(p_namespace, p_job_ids, p_fences);
  for v_settlement in
    select s.id, s.fence, s.outcome, s.error, s.delay
    from unnest(p_job_ids, p_fences, p_outcomes, p_errors, p_delays) s (id, fence, outcome, error, delay)
    order by s.id
  loop
    job_id := v_settlement.id;
    status := 'ok';
    delete from queue.leases l
    where l.namespace = p_namespace
      and l.id = v_settlement.id
      and l.fence = v_settlement.fence
      and l.expires_at > clock_timestamp()
    returning l.* into v_lease;
    if not found then
      status := 'stale';
    elsif v_settlement.outcome = 'ack' then
      perform queue._archive_lease(v_lease, 'completed', null, clock_timestamp());
    elsif v_settlement.outcome = 'cancel' then
      perform queue._archive_lease(v_lease, 'cancelled', v_settlement.error, clock_timestamp());
    elsif v_settlement.outcome = 'fail' then
      perform queue._move_to_dead_letter(v_lease, v_settlement.error, 'failed', clock_timestamp());
    elsif v_settlement.outcome = 'nack' then
      if not queue._fail_attempt(v_lease, v_settlement.error, v_settlement.delay) then
        status := 'dead';
      end if;
    else
      perform queue._requeue(
        v_lease, v_lease.attempts - case v_settlement.outcome when 'release' then 0 else 1 end, v_lease.error, null,
        clock_timestamp()
      );
      perform queue._wake(p_namespace, v_lease.queue, json_build_object('id', v_lease.id, 'queue', v_lease.queue));
    end if;
    return next;
  end loop;
end
$$;

-- leases/_exchanged.sql
-- queue._exchanged: the answer of queue.settle_and_pull.
--
-- Takes    p_jobs  objects of JSON with commas between
create function queue._exchanged(p_jobs text, p_stale bigint[], p_due_at timestamptz)
returns json
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  return concat(
    '{"jobs":[', p_jobs, '],"stale":', to_json(p_stale::text[]), ',"due_in_ms":',
    case
      when p_due_at is null then 'null'
      else greatest(0, ceil(extract(epoch from p_due_at - clock_timestamp()) * 1000))::text
    end,
    '}'
  );
end
$$;

-- leases/settle_and_pull.sql
-- queue.settle_and_pull: tells which jobs are done and takes the next ones, in one step: what a worker's loop needs.
--
-- Takes    p_queues     names of queues in the order in which they are served, at most 1000
--          p_limit      the most jobs to take, 0 to 1000
--          p_job_ids, p_fences  of jobs that are done, at most 1000
-- Returns  {"jobs": [...], "stale": [...], "due_in_ms": 1000}: the jobs that were taken with columns of queue.jobs, id and
--          fence_token as text, without those that are null, and without scheduled_at where it is created_at; the ids of
--          those that were not held any more and so are not done; and, when fewer jobs were taken than asked for, how
--          long it is until the next deferred one of these queues, null when there is none. One that is due and was not
--          taken does not count: its queue is paused, or somebody else is just taking it
-- Raises   what queue.pull_any and queue.ack_batch raise, but FENCE_STALE
-- Writes   queue.leases, queue.ready, queue.deferred, queue.archive, queue.unique_keys
-- Example  select queue.settle_and_pull('acme', array['email'], 100, 'worker-1', '1 minute', array[42], array[1007]);
create function queue.settle_and_pull(
  p_namespace text,
  p_queues text[],
  p_limit int,
  p_worker_id text default null,
  p_visibility_timeout interval default null,
  p_job_ids bigint[] default null,
  p_fences bigint[] default null
)
returns json
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_stale bigint[] := '{}';
  v_pulled record;
  v_now timestamptz;
  v_due_at timestamptz;
begin
  perform queue._validate_queues(p_namespace, p_queues);
  if p_limit is null or p_limit not between 0 and 1000 then
    perform queue._validate_limit(p_limit);
  end if;
  perform queue._validate_settlement(p_job_ids, p_fences);
  perform queue._validate_pull(p_namespace, p_visibility_timeout);
  if p_job_ids <> '{}' then
    v_stale := queue._complete(p_namespace, p_job_ids, p_fences);
  end if;
  if p_limit = 0 then
    return queue._exchanged(null, v_stale, null);
  end if;
  v_now := clock_timestamp();
  v_pulled := queue._pull_json(p_namespace, p_queues, p_limit, queue._worker(p_worker_id), p_visibility_timeout);
  if v_pulled.count < p_limit then
    v_due_at := queue._next_due(p_namespace, p_queues, v_now);
  end if;
  return queue._exchanged(v_pulled.jobs, v_stale, v_due_at);
end
$$;

-- leases/_namespaces_between.sql
-- queue._namespaces_between: the first namespaces behind one and up to another that have jobs of some queues to be taken.
--
-- Goes from namespace to namespace in the indexes, and no further than it has to.
--
-- Takes    p_until  null for all that follow
--          p_limit  the most namespaces
create function queue._namespaces_between(p_after text, p_until text, p_queues text[], p_limit int)
returns text[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return array(
    with recursive namespaces (namespace) as (
      select p_after collate "C"
      union all
      select least(
        (select r.namespace from queue.ready r where r.namespace > n.namespace order by r.namespace limit 1),
        (select d.namespace from queue.deferred d where d.namespace > n.namespace order by d.namespace limit 1)
      )
      from namespaces n
      where n.namespace is not null and (p_until is null or n.namespace < p_until)
    )
    select n.namespace
    from namespaces n
    where n.namespace > p_after
      and (p_until is null or n.namespace <= p_until)
      and exists (
        select
        from unnest(p_queues) q (queue)
        where (
            select r.position
            from queue.ready r
            where r.namespace = n.namespace and r.queue = q.queue
            order by r.rank, r.position
            limit 1
          ) is not null
          or (
            select d.run_at
            from queue.deferred d
            where d.namespace = n.namespace and d.queue = q.queue and d.run_at <= clock_timestamp()
            order by d.run_at
            limit 1
          ) is not null
      )
    limit p_limit
  );
end
$$;

-- leases/_pull_global.sql
-- queue._pull_global: takes jobs of queues in all namespaces, a share of each in turn. Called by the owner in maintenance.
--
-- Takes    p_after  the namespace served last; the one after it is the first now
-- Returns  the jobs as they are now
create function queue._pull_global(
  p_queues text[],
  p_limit int,
  p_worker_id text,
  p_visibility interval,
  p_after text
)
returns setof queue.jobs
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_share int := ceil(p_limit / 10.0);
  v_room int := p_limit;
  v_after text := coalesce(p_after, '');
  v_until text;
  v_namespaces text[];
  v_rich text[] := '{}';
  v_namespace text;
  v_count int;
begin
  -- From the one after p_after to the last, from the first to p_after, and then again those that had as many as their
  -- share.
  while v_room > 0 loop
    if v_after is not null then
      v_namespaces := queue._namespaces_between(v_after, v_until, p_queues, 20);
      v_after := v_namespaces[cardinality(v_namespaces)];
      if v_after is null and v_until is null and p_after <> '' then
        v_after := '';
        v_until := p_after;
      end if;
    else
      exit when v_rich = '{}';
      v_namespaces := v_rich;
      v_rich := '{}';
    end if;
    foreach v_namespace in array v_namespaces loop
      return query
        select p.*
        from queue._pull(v_namespace, p_queues, least(v_share, v_room), p_worker_id, p_visibility) p;
      get diagnostics v_count = row_count;
      if v_count = least(v_share, v_room) then
        v_rich := v_rich || v_namespace;
      end if;
      v_room := v_room - v_count;
      exit when v_room = 0;
    end loop;
  end loop;
end
$$;

-- leases/pull_global.sql
-- queue.pull_global: takes jobs of queues in all namespaces, a share of each in turn, as queue.pull takes one.
--
-- For one worker that serves all tenants: runs as its owner, and is for roles that were granted worker. Each job says whose
-- it is; what follows is told in that namespace, or through queue.exchange_global.
--
-- Takes    p_queues  names of queues, at most 1000; the order is that in which they are served within a namespace
--          p_limit   the most jobs, 1 to 1000
--          p_after   the namespace served last, by which the turn goes on
-- Returns  the jobs
-- Raises   VAL_QUEUE_NULL (22004) and its like · VAL_BATCH_TOO_LARGE (22023) · VAL_NOT_POSITIVE (22023)
--          · VAL_LIMIT_TOO_LARGE (22023) · VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.ready, queue.deferred, queue.leases
-- Example  select namespace, id, fence_token, payload from queue.pull_global(array['email'], 100);
create function queue.pull_global(
  p_queues text[],
  p_limit int default 10,
  p_worker_id text default null,
  p_visibility_timeout interval default null,
  p_after text default null
)
returns setof queue.jobs
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
begin
  perform queue._validate_queues('global', p_queues);
  perform queue._validate_limit(p_limit);
  perform queue._validate_visibility_timeout(p_visibility_timeout);
  perform set_config('postkit.maintenance', 'on', true);
  return query
    select p.*
    from queue._pull_global(p_queues, p_limit, queue._worker(p_worker_id), p_visibility_timeout, p_after) p;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
end
$$;

-- leases/exchange_global.sql
-- queue.exchange_global: queue.settle_and_pull for one worker that serves all tenants.
--
-- Runs as its owner, and is for roles that were granted worker.
--
-- Takes    p_queues, p_limit, p_after  as queue.pull_global, a limit of 0 among them
--          p_namespaces, p_job_ids, p_fences  of jobs that are done, at most 1000
-- Returns  {"jobs": [...], "stale": [...], "due_in_ms": 1000} as queue.settle_and_pull, the jobs with all columns and namespace
-- Raises   what queue.pull_global raises · VAL_ACK_BATCH_LENGTH (22023) · VAL_JOB_ID_NULL (22004)
--          · VAL_FENCE_NULL (22004) · VAL_ACK_BATCH_DUPLICATE_JOB (22023)
-- Writes   queue.leases, queue.ready, queue.deferred, queue.archive, queue.unique_keys
-- Example  select queue.exchange_global(array['email'], 100, 'worker-1', '1 minute', null, array['acme'], array[42], array[7]);
create function queue.exchange_global(
  p_queues text[],
  p_limit int,
  p_worker_id text default null,
  p_visibility_timeout interval default null,
  p_after text default null,
  p_namespaces text[] default null,
  p_job_ids bigint[] default null,
  p_fences bigint[] default null
)
returns json
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
  v_settled record;
  v_stale bigint[] := '{}';
  v_jobs text;
  v_count int := 0;
  v_now timestamptz;
  v_due_at timestamptz;
begin
  perform queue._validate_queues('global', p_queues);
  if p_limit is distinct from 0 then
    perform queue._validate_limit(p_limit);
  end if;
  perform queue._validate_visibility_timeout(p_visibility_timeout);
  perform queue._validate_settlement(p_job_ids, p_fences);
  if coalesce(cardinality(p_namespaces), 0) <> coalesce(cardinality(p_job_ids), 0) then
    raise exception 'namespaces must have as many elements as job_ids'
      using errcode = '22023', hint = 'postkit:queue:VAL_ACK_BATCH_LENGTH';
  end if;
  perform set_config('postkit.maintenance', 'on', true);
  for v_settled in
    select s.namespace, array_agg(s.id) as ids, array_agg(s.fence) as fences
    from unnest(p_namespaces, p_job_ids, p_fences) s (namespace, id, fence)
    group by s.namespace
    order by s.namespace
  loop
    v_stale := v_stale || queue._complete(v_settled.namespace, v_settled.ids, v_settled.fences);
  end loop;
  v_now := clock_timestamp();
  if p_limit > 0 then
    select string_agg(to_json(j)::text, ','), count(*)
    into v_jobs, v_count
    from (
      select p.namespace, p.id::text, p.fence_token::text, p.queue, p.payload, p.priority, p.attempts, p.max_attempts,
        p.scheduled_at, p.created_at, p.visibility_timeout_at, p.error, p.unique_key, p.tags, p.metadata, p.actor_id,
        p.request_id, p.on_behalf_of, p.reason
      from queue._pull_global(p_queues, p_limit, queue._worker(p_worker_id), p_visibility_timeout, p_after) p
    ) j;
  end if;
  if v_count < p_limit then
    v_due_at := queue._next_due_global(p_queues, v_now);
  end if;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
  return queue._exchanged(v_jobs, v_stale, v_due_at);
end
$$;

-- leases/_delete_leases.sql
-- queue._delete_leases: deletes leases that are locked, by their places and by nothing else, whatever statistics say.
--
-- Returns  the leases as they were
create function queue._delete_leases(p_places tid[])
returns setof queue.leases
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_indexscan = off
set enable_bitmapscan = off
as $$
begin
  return query
    delete from queue.leases l
    where l.ctid = any (p_places)
    returning l.*;
end
$$;

-- leases/_take_expired.sql
-- queue._take_expired: ends leases whose time is over, oldest deadline first, passing over those that others work on.
--
-- Takes    p_namespace  null for all
--          p_after      those with an earlier deadline are left out
-- Returns  the leases as they were
create function queue._take_expired(p_namespace text, p_limit int, p_after timestamptz, p_now timestamptz)
returns setof queue.leases
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
  v_places tid[];
begin
  if p_namespace is null then
    v_places := array(
      select l.ctid
      from queue.leases l
      where l.expires_at > p_after and l.expires_at <= p_now
      order by l.expires_at
      limit p_limit
      for update skip locked
    );
  else
    v_places := array(
      select l.ctid
      from queue.leases l
      where l.expires_at > p_after and l.expires_at <= p_now and l.namespace = p_namespace
      order by l.expires_at
      limit p_limit
      for update skip locked
    );
  end if;
  return query
    select t.* from queue._delete_leases(v_places) t order by t.expires_at, t.id;
end
$$;

-- leases/_time_out.sql
-- queue._time_out: takes jobs back from workers that have not settled them in time; one whose cancellation was asked for
-- ends.
--
-- Takes    p_namespace  null for all
--          p_after      those with an earlier deadline are left out
-- Returns  the jobs, and how long they were held
create function queue._time_out(p_namespace text, p_limit int, p_after timestamptz)
returns table (job_id bigint, queue text, stuck_duration interval)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_lease queue.leases;
  v_now timestamptz;
begin
  v_now := clock_timestamp();
  for v_lease in
    select t.* from queue._take_expired(p_namespace, p_limit, p_after, v_now) t
  loop
    if v_lease.cancel_requested_at is not null then
      perform queue._archive_lease(v_lease, 'cancelled', v_lease.error, v_now);
    elsif v_lease.attempts >= v_lease.max_attempts then
      perform queue._move_to_dead_letter(v_lease, 'timeout', 'timeout', v_now);
    else
      perform queue._requeue(v_lease, v_lease.attempts, v_lease.error, null, v_now);
      perform queue._wake(
        v_lease.namespace, v_lease.queue, json_build_object('id', v_lease.id, 'queue', v_lease.queue)
      );
    end if;
    job_id := v_lease.id;
    queue := v_lease.queue;
    stuck_duration := v_now - v_lease.locked_at;
    return next;
  end loop;
end
$$;

-- leases/tick_timeouts.sql
-- queue.tick_timeouts: takes jobs back from workers that have not settled them in time.
--
-- To be called every few seconds; queue.maintain does it for all namespaces. A job may be taken again at once, before the
-- new ones of its priority. The attempt counts: a job that has used all up becomes a dead letter, so that one which kills
-- its worker does not do so for ever.
--
-- Takes    p_namespace  null for all, which needs a role that row level security does not bind
--          p_limit      the most jobs, 1 to 1000, those whose time ran out first
-- Returns  the jobs, and how long they were held
-- Raises   VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
--          · BIZ_ALL_NAMESPACES_REQUIRES_BYPASS (42501)
-- Writes   queue.leases, queue.ready, queue.dead_letters, queue.archive, queue.unique_keys
-- Example  select * from queue.tick_timeouts('acme');
create function queue.tick_timeouts(p_namespace text default null, p_limit int default 100)
returns table (job_id bigint, queue text, stuck_duration interval)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_tick(p_namespace, p_limit);
  return query
    select t.* from queue._time_out(p_namespace, p_limit, '-infinity') t;
end
$$;

-- jobs/request_cancel.sql
-- queue.request_cancel: asks the worker that has a job to give it up, or deletes the job when nobody has it.
--
-- The worker learns it at once or at its next heartbeat, and settles the job as cancelled unless it is done by then. When
-- the worker dies, the job ends as cancelled when its time is over.
--
-- Returns  whether there was such a job, waiting or running
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_JOB_ID_NULL (22004)
-- Writes   queue.leases, queue.ready, queue.deferred, queue.unique_keys
-- Example  select queue.request_cancel('acme', 42);
create function queue.request_cancel(p_namespace text, p_job_id bigint)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_looks_max constant int := 1000;
  v_queue text;
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_job_id(p_job_id);
  -- Again while it moves: a worker may take it, or give it back, between these looks.
  for v_look in 1..v_looks_max loop
    if queue.cancel(p_namespace, p_job_id) then
      return true;
    end if;
    update queue.leases l
    set cancel_requested_at = coalesce(l.cancel_requested_at, clock_timestamp())
    where l.namespace = p_namespace and l.id = p_job_id
    returning l.queue into v_queue;
    if found then
      perform queue._notify(
        p_namespace, v_queue, json_build_object('cancel', p_job_id, 'queue', v_queue),
        exists (select from queue.workers w where w.namespace = '' and w.queue = v_queue)
      );
      return true;
    end if;
    exit when not queue._is_live(p_namespace, p_job_id);
  end loop;
  return false;
end
$$;

-- cron/types.sql
-- A cron expression, worked out: one bit for each value that a field selects.
create type queue.cron_fields as (
  minutes bit(60),
  hours bit(24),
  days bit(31),
  months bit(12),
  weekdays bit(42),
  is_either boolean,
  is_fixed boolean
);

comment on type queue.cron_fields is 'A cron expression as bits: weekdays six weeks in a row from a Sunday; is_either when days and weekdays are alternatives; is_fixed when minute and hour are named without * and step';

-- cron/_cron_bits.sql
-- queue._cron_bits: what one field of a cron expression selects, a bit for each value from p_min to p_max.
--
-- Raises   what _cron_parse_field raises
create function queue._cron_bits(p_field text, p_min int, p_max int)
returns varbit
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_bits varbit;
  v_value int;
begin
  -- Most fields of most expressions.
  if p_field = '*' then
    return repeat('1', p_max - p_min + 1)::varbit;
  end if;
  v_bits := repeat('0', p_max - p_min + 1)::varbit;
  foreach v_value in array queue._cron_parse_field(p_field, p_min, p_max)
  loop
    v_bits := set_bit(v_bits, v_value - p_min, 1);
  end loop;
  return v_bits;
end
$$;

-- cron/_cron_parse_field.sql
-- queue._cron_parse_field: the values that one field of a cron expression selects.
--
-- A comma list of *, n, a-b, each with an optional /step; n/step runs from n to the end of the field. A field from
-- 1 to 12 takes the names of months, one from 0 to 7 those of weekdays, where "sun" ends a range as 7. A step beyond
-- the size of the field is refused: who writes */90 for minutes means something that cron cannot say.
--
-- Takes    p_field       the text, in any case
--          p_min, p_max  the first and the last value of the field, which say what field it is
-- Returns  the values in order, each once; Sunday stays 0 or 7 as written
-- Raises   VAL_CRON_INVALID (22023) · VAL_CRON_STEP_ZERO (22023)
create function queue._cron_parse_field(p_field text, p_min int, p_max int)
returns int[]
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  -- A week has seven days, though Sunday has two numbers.
  v_size int := case when p_max = 7 then 7 else p_max - p_min + 1 end;
  v_names text[] := case
    when p_min = 1 and p_max = 12
      then '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'
    when p_min = 0 and p_max = 7
      then '{sun,mon,tue,wed,thu,fri,sat}'
  end;
  v_items text[] := string_to_array(lower(coalesce(nullif(p_field, ''), ',') collate "C"), ',');
  v_item text collate "C";
  v_parts text[] collate "C";
  v_first int;
  v_last int;
  v_step int;
  v_values int[] := '{}';
begin
  foreach v_item in array v_items
  loop
    v_parts := regexp_match(
      v_item, '^(?:\*|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:/(-?[0-9]{1,9}))?$'
    );
    if v_parts is null then
      raise exception 'cron expression: the field from % to % is not a list of values, ranges and steps', p_min, p_max
        using errcode = '22023', hint = 'postkit:queue:VAL_CRON_INVALID';
    end if;
    v_step := coalesce(v_parts[3]::int, 1);
    if v_step < 1 then
      raise exception 'cron expression: the field from % to % has a step below 1', p_min, p_max
        using errcode = '22023', hint = 'postkit:queue:VAL_CRON_STEP_ZERO';
    end if;
    if v_step > v_size then
      raise exception 'cron expression: the field from % to % has a step above %', p_min, p_max, v_size
        using errcode = '22023', hint = 'postkit:queue:VAL_CRON_INVALID';
    end if;

    if v_parts[1] is null then
      v_first := p_min;
      v_last := p_max;
    else
      v_first := case
        when v_parts[1] < 'a' then v_parts[1]::int
        else p_min - 1 + array_position(v_names, v_parts[1])
      end;
      v_last := case
        when v_parts[2] is null and v_parts[3] is null then v_first
        when v_parts[2] is null then p_max
        when v_parts[2] < 'a' then v_parts[2]::int
        when v_parts[2] = 'sun' and p_max = 7 and v_first > 0 then 7
        else p_min - 1 + array_position(v_names, v_parts[2])
      end;
    end if;
    if (v_first >= p_min and v_first <= p_max and v_last >= p_min and v_last <= p_max) is not true then
      raise exception 'cron expression: the field from % to % has a value outside', p_min, p_max
        using errcode = '22023', hint = 'postkit:queue:VAL_CRON_INVALID';
    end if;
    if v_first > v_last then
      raise exception 'cron expression: the field from % to % has a range that ends before it begins', p_min, p_max
        using errcode = '22023', hint = 'postkit:queue:VAL_CRON_INVALID';
    end if;
    for v_value in v_first..v_last by v_step
    loop
      v_values := v_values || v_value;
    end loop;
  end loop;
  if cardinality(v_items) > 1 then
    v_values := array(select distinct v from unnest(v_values) v order by v);
  end if;
  return v_values;
end
$$;

-- cron/_cron_parse.sql
-- queue._cron_parse: works out a cron expression.
--
-- Five fields (minute, hour, day of month, month, day of week) or one of @yearly @annually @monthly @weekly @daily
-- @midnight @hourly. When both days are restricted, either is enough; a day that begins with * is not restricted in
-- this sense, and then both must hold: "0 0 1 * */2" is the first of a month if that is a Sunday, Tuesday, Thursday
-- or Saturday.
--
-- Raises   VAL_CRON_EMPTY (22026) · VAL_CRON_TOO_LONG (22001) · VAL_CRON_FIELDS (22023) · VAL_CRON_INVALID (22023)
--          · VAL_CRON_STEP_ZERO (22023)
create function queue._cron_parse(p_cron text)
returns queue.cron_fields
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_text text := btrim(p_cron, E' \t\n\r\f\v');
  v_parts text[];
  v_week varbit;
  v_fields queue.cron_fields;
begin
  if coalesce(v_text, '') = '' then
    raise exception 'cron expression is empty'
      using errcode = '22026', hint = 'postkit:queue:VAL_CRON_EMPTY';
  end if;
  if length(p_cron) > 256 then
    raise exception 'cron expression is longer than 256 characters'
      using errcode = '22001', hint = 'postkit:queue:VAL_CRON_TOO_LONG';
  end if;
  if left(v_text, 1) = '@' then
    v_text := case lower(v_text collate "C")
      when '@yearly' then '0 0 1 1 *'
      when '@annually' then '0 0 1 1 *'
      when '@monthly' then '0 0 1 * *'
      when '@weekly' then '0 0 * * 0'
      when '@daily' then '0 0 * * *'
      when '@midnight' then '0 0 * * *'
      when '@hourly' then '0 * * * *'
      else ''
    end;
  end if;
  v_parts := regexp_split_to_array(v_text, '[ \t]+');
  if cardinality(v_parts) <> 5 then
    raise exception 'cron expression must have five fields or be a macro such as @daily'
      using errcode = '22023', hint = 'postkit:queue:VAL_CRON_FIELDS';
  end if;

  v_fields.minutes := queue._cron_bits(v_parts[1], 0, 59);
  v_fields.hours := queue._cron_bits(v_parts[2], 0, 23);
  v_fields.days := queue._cron_bits(v_parts[3], 1, 31);
  v_fields.months := queue._cron_bits(v_parts[4], 1, 12);
  v_week := queue._cron_bits(v_parts[5], 0, 7);
  -- Sunday is the first bit and the eighth.
  v_week := set_bit(substring(v_week from 1 for 7), 0, get_bit(v_week, 0) | get_bit(v_week, 7));
  v_fields.weekdays := v_week || v_week || v_week || v_week || v_week || v_week;
  v_fields.is_either := left(v_parts[3], 1) <> '*' and left(v_parts[5], 1) <> '*';
  v_fields.is_fixed := strpos(v_parts[1] || v_parts[2], '*') = 0 and strpos(v_parts[1] || v_parts[2], '/') = 0;
  return v_fields;
end
$$;

-- cron/_validate_cron_expression.sql
-- queue._validate_cron_expression: refuses a cron expression that is malformed or selects no date that exists.
--
-- Raises   VAL_CRON_EMPTY (22026) · VAL_CRON_TOO_LONG (22001) · VAL_CRON_FIELDS (22023) · VAL_CRON_INVALID (22023)
--          · VAL_CRON_STEP_ZERO (22023)
create function queue._validate_cron_expression(p_cron text)
returns void
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
begin
  if queue._cron_next_date(queue._cron_parse(p_cron), date '2000-01-01') is null then
    raise exception 'cron expression never fires: no month that it names has such a day'
      using errcode = '22023', hint = 'postkit:queue:VAL_CRON_INVALID';
  end if;
end
$$;

-- cron/_validate_timezone.sql
-- queue._validate_timezone: refuses what is not the name of a time zone.
--
-- Every name of pg_timezone_names is one, in any case, and so are the abbreviations that PostgreSQL knows, which stand
-- for an offset all the year round: 'EST', but 'CET' too. PostgreSQL would take 'FOO+3' as well, and 'UTC+3' for three
-- hours west of Greenwich; such rules have digits, as only these few names have.
--
-- Raises   VAL_TIMEZONE_UNKNOWN (22023)
create function queue._validate_timezone(p_timezone text)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set timezone = 'UTC'
as $$
begin
  if p_timezone ~ '[^A-Za-z_/+-]'
    and p_timezone !~* '^(posix/|right/)?((Etc/)?GMT[+-]?0|Etc/GMT(\+[1-9]|\+1[0-2]|-[1-9]|-1[0-4])|(EST5E|CST6C|MST7M|PST8P)DT)$'
  then
    raise invalid_parameter_value;
  end if;
  if (timestamptz 'epoch' at time zone p_timezone) is null then
    raise invalid_parameter_value;
  end if;
exception
  when invalid_parameter_value then
    raise exception 'time zone is not known'
      using errcode = '22023', hint = 'postkit:queue:VAL_TIMEZONE_UNKNOWN';
end
$$;

-- cron/_cron_next_date.sql
-- queue._cron_next_date: the first date, p_from or later, that a cron expression selects.
--
-- Goes from selected month to selected month. The rarest date there is, a 29 February on one weekday, comes again
-- within 40 years.
--
-- Returns  the date; null when no date is ever selected
create function queue._cron_next_date(p_fields queue.cron_fields, p_from date)
returns date
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_day int := extract(day from p_from);
  v_month int := extract(month from p_from);
  v_first date := p_from - v_day + 1;
  v_next date;
  v_last date := p_from + interval '41 years';
  v_days varbit;
  v_position int;
begin
  loop
    v_next := v_first + interval '1 month';
    if get_bit(p_fields.months, v_month - 1) = 1 then
      v_days := substring(p_fields.weekdays from extract(dow from v_first)::int + 1 for 31);
      v_days := case
        when p_fields.is_either then v_days | p_fields.days
        else v_days & p_fields.days
      end;
      v_position := position(B'1' in substring(v_days from v_day for v_next - v_first - v_day + 1));
      if v_position > 0 then
        return v_first + v_day + v_position - 2;
      end if;
    end if;
    v_day := 1;
    v_position := position(B'1' in substring(p_fields.months from v_month + 1));
    if v_position = 0 then
      v_position := 12 - v_month + position(B'1' in p_fields.months);
    end if;
    v_first := v_first + make_interval(months => v_position);
    v_month := extract(month from v_first);
    if v_first > v_last then
      return null;
    end if;
  end loop;
end
$$;

-- cron/_cron_next_clock.sql
-- queue._cron_next_clock: the first minute after p_after that a cron expression selects, on a clock that runs evenly.
--
-- Returns  the minute; null when no date is ever selected
create function queue._cron_next_clock(p_fields queue.cron_fields, p_after timestamp)
returns timestamp
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_from timestamp := date_trunc('minute', p_after) + interval '1 minute';
  v_today date := v_from;
  v_date date := queue._cron_next_date(p_fields, v_today);
  v_hour int := extract(hour from v_from);
  v_minute int := extract(minute from v_from);
  v_position int;
begin
  if v_date = v_today then
    if get_bit(p_fields.hours, v_hour) = 1 then
      v_position := position(B'1' in substring(p_fields.minutes from v_minute + 1));
      if v_position > 0 then
        return v_from + make_interval(mins => v_position - 1);
      end if;
    end if;
    v_position := position(B'1' in substring(p_fields.hours from v_hour + 2));
    if v_position > 0 then
      return v_today + make_interval(hours => v_hour + v_position, mins => position(B'1' in p_fields.minutes) - 1);
    end if;
    v_date := queue._cron_next_date(p_fields, v_today + 1);
  end if;
  return v_date
    + make_interval(hours => position(B'1' in p_fields.hours) - 1, mins => position(B'1' in p_fields.minutes) - 1);
end
$$;

-- cron/_cron_first_instant.sql
-- queue._cron_first_instant: when the clocks of a zone first show a time, or a later one because they were set
-- forward over it.
--
-- Returns  the instant; of a time that is shown twice the first, of one that is never shown the end of the gap;
--          null for null
create function queue._cron_first_instant(p_clock timestamp, p_timezone text)
returns timestamptz
language plpgsql
stable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  -- PostgreSQL takes the second of two, and counts on from the beginning of a gap: never too early.
  v_instant timestamptz := p_clock at time zone p_timezone;
  v_change record;
begin
  v_change := queue._cron_clock_change(v_instant, p_timezone);
  return case
    when v_change.happened_at is null then v_instant
    when p_clock < v_change.clock_before then v_change.happened_at - (v_change.clock_before - p_clock)
    else v_change.happened_at + greatest(p_clock - v_change.clock_after, interval '0')
  end;
end
$$;

-- cron/_cron_clock_change.sql
-- queue._cron_clock_change: when the local clock was set forward or back, in the 24 hours up to p_until.
--
-- No zone has changed its offset twice within three days or by more than 24 hours, so that a day is enough to see
-- whether a clock shows some times twice, and there is one change in it at most.
--
-- Returns  happened_at   the first instant with the new offset; all three are null when the clock ran evenly, and for null
--          clock_before  what the old clock would have shown then
--          clock_after   what the new one shows
create function queue._cron_clock_change(
  p_until timestamptz,
  p_timezone text,
  out happened_at timestamptz,
  out clock_before timestamp,
  out clock_after timestamp
)
returns record
language plpgsql
stable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  -- Not a day: that is 23 or 25 hours long in the zone of some sessions.
  v_before timestamptz := p_until - interval '24 hours';
  v_clock timestamp := v_before at time zone p_timezone;
  v_seconds int;
begin
  if ((p_until at time zone p_timezone) - v_clock <> interval '24 hours') is not true then
    return;
  end if;
  -- Offsets change at whole seconds.
  v_before := to_timestamp(floor(extract(epoch from v_before)));
  v_clock := v_before at time zone p_timezone;
  happened_at := to_timestamp(ceil(extract(epoch from p_until)));
  -- Between these two lies the change.
  while happened_at - v_before > interval '1 second'
  loop
    v_seconds := ceil(extract(epoch from happened_at - v_before) / 2);
    if ((v_before + make_interval(secs => v_seconds)) at time zone p_timezone) - v_clock
      = make_interval(secs => v_seconds)
    then
      v_before := v_before + make_interval(secs => v_seconds);
      v_clock := v_clock + make_interval(secs => v_seconds);
    else
      happened_at := v_before + make_interval(secs => v_seconds);
    end if;
  end loop;
  clock_before := v_clock + interval '1 second';
  clock_after := happened_at at time zone p_timezone;
end
$$;

-- cron/_cron_next_run.sql
-- queue._cron_next_run: when a cron expression fires next.
--
-- It is compared with the clock on the wall, which is set forward and back:
--  * A fixed time, whose minute and hour are named without * and step, fires once, when the clock first shows it. If
--    the clock is set forward over it, it fires at the first instant thereafter, once for all the times skipped.
--  * Any other expression fires at each minute that the clock shows and it selects, again in the repeated hour and
--    not for what is skipped, so that "*/5 * * * *" fires every five minutes.
--
-- Takes    p_base  fires strictly after it
-- Returns  the instant; null when p_base is null, infinite or not in the years 1 to 9999, and when no date is ever
--          selected
-- Raises   VAL_CRON_EMPTY (22026) · VAL_CRON_TOO_LONG (22001) · VAL_CRON_FIELDS (22023) · VAL_CRON_INVALID (22023)
--          · VAL_CRON_STEP_ZERO (22023) · VAL_TIMEZONE_UNKNOWN (22023)
-- Example  select queue._cron_next_run('30 2 * * mon-fri', 'Europe/Berlin', now());
create function queue._cron_next_run(p_cron text, p_timezone text, p_base timestamptz)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
-- From PostgreSQL 18, what an abbreviation stands for may depend on the session's own zone.
set timezone = 'UTC'
as $$
declare
  v_fields queue.cron_fields := queue._cron_parse(p_cron);
  v_clock timestamp;
  v_next timestamp;
  v_instant timestamptz;
  v_change record;
begin
  perform queue._validate_timezone(p_timezone);
  if (p_base between '0001-01-02 00:00+00' and '9999-12-31 00:00+00') is not true then
    return null;
  end if;
  v_clock := p_base at time zone p_timezone;

  if v_fields.is_fixed then
    -- Before it was set back, the clock had shown later times: those have fired.
    v_change := queue._cron_clock_change(p_base, p_timezone);
    if v_change.clock_before > v_clock then
      v_clock := v_change.clock_before - interval '1 microsecond';
    end if;
    return queue._cron_first_instant(queue._cron_next_clock(v_fields, v_clock), p_timezone);
  end if;

  v_next := queue._cron_next_clock(v_fields, v_clock);
  v_change := queue._cron_clock_change(p_base + interval '24 hours', p_timezone);
  if v_next >= v_change.clock_before then
    -- Set back, the clock shows earlier times again; set forward, it skips some.
    v_next := queue._cron_next_clock(v_fields, v_change.clock_after - interval '1 microsecond');
  end if;
  while v_next is not null
  loop
    v_instant := queue._cron_first_instant(v_next, p_timezone);
    v_clock := v_instant at time zone p_timezone;
    if v_clock = v_next and v_instant <= p_base then
      return v_next at time zone p_timezone;
    end if;
    if v_clock = v_next then
      return v_instant;
    end if;
    v_next := queue._cron_next_clock(v_fields, v_clock - interval '1 microsecond');
  end loop;
  return null;
end
$$;

-- schedules/_validate_schedule_interval.sql
-- queue._validate_schedule_interval: refuses an interval that is not positive, or longer than the calendar.
--
-- A part below 0 would let it lead forward from some dates and nowhere from others: '-1 month 31 days'.
--
-- Raises   VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
create function queue._validate_schedule_interval(p_value interval)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_months int := extract(year from p_value) * 12 + extract(month from p_value);
  v_days int := extract(day from p_value);
begin
  if p_value <= interval '0'
    or v_months < 0
    or v_days < 0
    or p_value - make_interval(months => v_months, days => v_days) < interval '0'
  then
    raise exception 'every_interval must be longer than nothing'
      using errcode = '22023', hint = 'postkit:queue:VAL_INTERVAL_NOT_POSITIVE';
  end if;
  perform queue._validate_interval_size(p_value, 'every_interval');
end
$$;

-- schedules/_validate_schedule.sql
-- queue._validate_schedule: refuses what cannot be a schedule.
--
-- Raises   what queue._validate_names, queue._validate_schedule_name, queue._validate_priority,
--          queue._validate_max_attempts, queue._validate_payload, queue._validate_cron_expression,
--          queue._validate_timezone, queue._validate_schedule_interval and queue._assert_tenant raise
--          · BIZ_SCHEDULE_REQUIRES_SCHEDULE (22023) · BIZ_SCHEDULE_CRON_AND_INTERVAL (22023)
--          · VAL_POLICY_UNKNOWN (22023) · VAL_CATCH_UP_MAX_RANGE (22023) · VAL_METADATA_INVALID (22023)
create function queue._validate_schedule(p_schedule queue.schedules)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_namespace(p_schedule.namespace);
  perform queue._validate_schedule_name(p_schedule.name);
  perform queue._validate_key_size(p_schedule.namespace, p_schedule.name);
  perform queue._validate_names(p_schedule.namespace, p_schedule.queue);
  perform queue._validate_priority(p_schedule.priority);
  perform queue._validate_max_attempts(p_schedule.max_attempts);
  perform queue._validate_payload(p_schedule.payload);
  if p_schedule.cron_expression is null and p_schedule.every_interval is null then
    raise exception 'a schedule needs a cron_expression or an every_interval'
      using errcode = '22023', hint = 'postkit:queue:BIZ_SCHEDULE_REQUIRES_SCHEDULE';
  end if;
  if p_schedule.cron_expression is not null and p_schedule.every_interval is not null then
    raise exception 'a schedule has a cron_expression or an every_interval, not both'
      using errcode = '22023', hint = 'postkit:queue:BIZ_SCHEDULE_CRON_AND_INTERVAL';
  end if;
  if p_schedule.cron_expression is not null then
    perform queue._validate_cron_expression(p_schedule.cron_expression);
    perform queue._validate_timezone(p_schedule.cron_timezone);
  else
    perform queue._validate_schedule_interval(p_schedule.every_interval);
  end if;
  if p_schedule.catch_up is null or p_schedule.catch_up not in ('none', 'one', 'all') then
    raise exception 'catch_up must be none, one or all'
      using errcode = '22023', hint = 'postkit:queue:VAL_POLICY_UNKNOWN';
  end if;
  if p_schedule.overlap is null or p_schedule.overlap not in ('allow', 'skip') then
    raise exception 'overlap must be allow or skip'
      using errcode = '22023', hint = 'postkit:queue:VAL_POLICY_UNKNOWN';
  end if;
  if p_schedule.catch_up_max is null or p_schedule.catch_up_max not between 1 and 1000 then
    raise exception 'catch_up_max must be from 1 to 1000'
      using errcode = '22023', hint = 'postkit:queue:VAL_CATCH_UP_MAX_RANGE';
  end if;
  if jsonb_typeof(p_schedule.metadata) <> 'object' then
    raise exception 'metadata of a schedule must be an object'
      using errcode = '22023', hint = 'postkit:queue:VAL_METADATA_INVALID';
  end if;
  perform queue._assert_tenant(p_schedule.namespace);
end
$$;

-- schedules/_next_run.sql
-- queue._next_run: when a schedule runs next after a time.
--
-- An interval is counted from p_anchor, so that it does not drift with the moments at which runs are noticed; in UTC, so
-- that a day is as long for everybody who ticks.
--
-- Raises   VAL_INTERVAL_NOT_POSITIVE (22023), for what was written into the table by hand
create function queue._next_run(p_schedule queue.schedules, p_after timestamptz, p_anchor timestamptz)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set timezone = 'UTC'
as $$
declare
  v_next timestamptz;
  v_months int;
  v_seconds double precision;
begin
  if p_schedule.cron_expression is not null then
    return queue._cron_next_run(p_schedule.cron_expression, p_schedule.cron_timezone, p_after);
  end if;
  perform queue._validate_schedule_interval(p_schedule.every_interval);
  v_next := p_anchor + p_schedule.every_interval;
  if v_next > p_after then
    return v_next;
  end if;
  -- Many intervals were missed: they are skipped at one go, as many as there are with the longest of months.
  v_months := extract(year from p_schedule.every_interval) * 12 + extract(month from p_schedule.every_interval);
  v_seconds := extract(epoch from p_schedule.every_interval - make_interval(months => v_months)) + v_months * 31.0 * 86400;
  v_next := p_anchor + floor(extract(epoch from p_after - p_anchor)::double precision / v_seconds) * p_schedule.every_interval;
  while v_next <= p_after loop
    v_next := v_next + p_schedule.every_interval;
  end loop;
  return v_next;
end
$$;

-- schedules/_schedule.sql
-- queue._schedule: a schedule as it was asked for, with what is null set to its default.
create function queue._schedule(
  p_namespace text,
  p_name text,
  p_queue text,
  p_payload jsonb,
  p_cron_expression text,
  p_cron_timezone text,
  p_every_interval interval,
  p_priority int,
  p_max_attempts int,
  p_tags text[],
  p_is_active boolean,
  p_catch_up text,
  p_catch_up_max int,
  p_overlap text,
  p_metadata jsonb
)
returns queue.schedules
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_schedule queue.schedules;
begin
  v_schedule.namespace := p_namespace;
  v_schedule.name := p_name;
  v_schedule.queue := p_queue;
  v_schedule.payload := p_payload;
  v_schedule.cron_expression := p_cron_expression;
  v_schedule.cron_timezone := p_cron_timezone;
  v_schedule.every_interval := p_every_interval;
  v_schedule.priority := coalesce(p_priority, 0);
  v_schedule.max_attempts := coalesce(p_max_attempts, 3);
  v_schedule.tags := coalesce(p_tags, '{}');
  v_schedule.is_active := coalesce(p_is_active, true);
  v_schedule.catch_up := p_catch_up;
  v_schedule.catch_up_max := p_catch_up_max;
  v_schedule.overlap := p_overlap;
  v_schedule.metadata := p_metadata;
  return v_schedule;
end
$$;

-- schedules/_insert_schedule.sql
-- queue._insert_schedule: writes a valid schedule, with the time of its first run.
--
-- Returns  its id; null when the name is taken
create function queue._insert_schedule(p_schedule queue.schedules)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_id bigint;
begin
  insert into queue.schedules (
    namespace, name, queue, payload, priority, max_attempts, tags, metadata, cron_expression, cron_timezone,
    every_interval, catch_up, catch_up_max, overlap, is_active, next_run_at
  )
  values (
    p_schedule.namespace, p_schedule.name, p_schedule.queue, p_schedule.payload, p_schedule.priority,
    p_schedule.max_attempts, p_schedule.tags, p_schedule.metadata, p_schedule.cron_expression, p_schedule.cron_timezone,
    p_schedule.every_interval, p_schedule.catch_up, p_schedule.catch_up_max, p_schedule.overlap, p_schedule.is_active,
    case when p_schedule.is_active then queue._next_run(p_schedule, clock_timestamp(), clock_timestamp()) end
  )
  on conflict (namespace, name) do nothing
  returning id into v_id;
  return v_id;
end
$$;

-- schedules/_change_schedule.sql
-- queue._change_schedule: gives a schedule its new definition, and a new next run when its timing changed.
--
-- Returns  its id; null when there is none of that name
create function queue._change_schedule(p_schedule queue.schedules)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_id bigint;
begin
  update queue.schedules s
  set queue = p_schedule.queue,
    payload = p_schedule.payload,
    priority = p_schedule.priority,
    max_attempts = p_schedule.max_attempts,
    tags = p_schedule.tags,
    metadata = p_schedule.metadata,
    cron_expression = p_schedule.cron_expression,
    cron_timezone = p_schedule.cron_timezone,
    every_interval = p_schedule.every_interval,
    catch_up = p_schedule.catch_up,
    catch_up_max = p_schedule.catch_up_max,
    overlap = p_schedule.overlap,
    next_run_at = case
      when not s.is_active then null
      when (s.cron_expression, s.cron_timezone, s.every_interval)
        is distinct from (p_schedule.cron_expression, p_schedule.cron_timezone, p_schedule.every_interval)
        then queue._next_run(p_schedule, clock_timestamp(), clock_timestamp())
      else s.next_run_at
    end,
    updated_at = now()
  where s.namespace = p_schedule.namespace and s.name = p_schedule.name
  returning s.id into v_id;
  return v_id;
end
$$;

-- schedules/create_schedule.sql
-- queue.create_schedule: pushes a job again and again, by a cron expression or at an interval.
--
-- Somebody has to call queue.tick_schedules or queue.maintain, as workers of the client do.
--
-- Takes    p_cron_expression  five fields, names and lists as in cron, or @daily and its like: see the guide
--          p_cron_timezone    a name as in Europe/Berlin
--          p_every_interval   instead of a cron expression; first after that time
--          p_is_active        false to make it paused
--          p_catch_up         what happens after a time without ticks: one run for all that were missed; none, unless it
--                             is less than a minute late; or all of them, of which the last p_catch_up_max
--          p_overlap          allow, or skip: no run while the job of the last one waits or runs
--          p_metadata         an object, for the jobs; they also get the schedule's name and the planned time in it
-- Returns  the schedule's id
-- Raises   VAL_NAMESPACE_NULL (22004) and its like · VAL_SCHEDULE_NAME_NULL (22004) · VAL_SCHEDULE_NAME_EMPTY (22026)
--          · VAL_SCHEDULE_NAME_TOO_LONG (22001) · VAL_SCHEDULE_NAME_INVALID_CHARS (22023)
--          · VAL_SCHEDULE_NAME_WHITESPACE (22023) · VAL_QUEUE_NULL (22004) and its like · VAL_KEY_TOO_LONG (22001)
--          · VAL_PAYLOAD_NULL (22004) · VAL_PRIORITY_RANGE (22023) · VAL_MAX_ATTEMPTS_RANGE (22023)
--          · VAL_CRON_EMPTY (22026) · VAL_CRON_TOO_LONG (22001) · VAL_CRON_FIELDS (22023) · VAL_CRON_INVALID (22023)
--          · VAL_CRON_STEP_ZERO (22023) · VAL_TIMEZONE_UNKNOWN (22023) · VAL_INTERVAL_NOT_POSITIVE (22023)
--          · VAL_INTERVAL_TOO_LARGE (22023) · VAL_POLICY_UNKNOWN (22023) · VAL_CATCH_UP_MAX_RANGE (22023)
--          · VAL_METADATA_INVALID (22023) · BIZ_SCHEDULE_REQUIRES_SCHEDULE (22023)
--          · BIZ_SCHEDULE_CRON_AND_INTERVAL (22023) · BIZ_SCHEDULE_DUPLICATE (23505) · BIZ_TENANT_NOT_SET (42501)
--          · BIZ_TENANT_MISMATCH (42501)
-- Writes   queue.schedules
-- Example  select queue.create_schedule('acme', 'digest', 'email', '{}', '0 7 * * mon-fri', 'Europe/Berlin');
create function queue.create_schedule(
  p_namespace text,
  p_name text,
  p_queue text,
  p_payload jsonb,
  p_cron_expression text default null,
  p_cron_timezone text default 'UTC',
  p_every_interval interval default null,
  p_priority int default 0,
  p_max_attempts int default 3,
  p_tags text[] default '{}',
  p_is_active boolean default true,
  p_catch_up text default 'one',
  p_catch_up_max int default 100,
  p_overlap text default 'allow',
  p_metadata jsonb default null
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_schedule queue.schedules := queue._schedule(
    p_namespace, p_name, p_queue, p_payload, p_cron_expression, p_cron_timezone, p_every_interval, p_priority,
    p_max_attempts, p_tags, p_is_active, p_catch_up, p_catch_up_max, p_overlap, p_metadata
  );
  v_id bigint;
begin
  perform queue._validate_schedule(v_schedule);
  v_id := queue._insert_schedule(v_schedule);
  if v_id is null then
    raise exception 'there is a schedule % already', quote_literal(p_name)
      using errcode = '23505', hint = 'postkit:queue:BIZ_SCHEDULE_DUPLICATE';
  end if;
  return v_id;
end
$$;

-- schedules/upsert_schedule.sql
-- queue.upsert_schedule: makes a schedule, or changes the one of that name into this: for every start of an application.
--
-- What is left out goes back to its default. When its next run is, changes only when the timing does; one that is paused
-- stays paused, whatever p_is_active.
--
-- Takes    what queue.create_schedule takes
-- Returns  the schedule's id
-- Raises   what queue.create_schedule raises, but BIZ_SCHEDULE_DUPLICATE
-- Writes   queue.schedules
-- Example  select queue.upsert_schedule('acme', 'digest', 'email', '{}', '0 7 * * mon-fri', 'Europe/Berlin');
create function queue.upsert_schedule(
  p_namespace text,
  p_name text,
  p_queue text,
  p_payload jsonb,
  p_cron_expression text default null,
  p_cron_timezone text default 'UTC',
  p_every_interval interval default null,
  p_priority int default 0,
  p_max_attempts int default 3,
  p_tags text[] default '{}',
  p_is_active boolean default true,
  p_catch_up text default 'one',
  p_catch_up_max int default 100,
  p_overlap text default 'allow',
  p_metadata jsonb default null
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_schedule queue.schedules := queue._schedule(
    p_namespace, p_name, p_queue, p_payload, p_cron_expression, p_cron_timezone, p_every_interval, p_priority,
    p_max_attempts, p_tags, p_is_active, p_catch_up, p_catch_up_max, p_overlap, p_metadata
  );
  v_id bigint;
begin
  perform queue._validate_schedule(v_schedule);
  v_id := queue._insert_schedule(v_schedule);
  if v_id is null then
    v_id := queue._change_schedule(v_schedule);
  end if;
  return v_id;
end
$$;

-- schedules/update_schedule.sql
-- queue.update_schedule: changes some of a schedule.
--
-- Takes    p_changes  an object of what is to change, by the names of queue.create_schedule's parameters without p_, but
--                     name and is_active; a cron_expression takes the place of an every_interval and the other way around
-- Returns  whether there is such a schedule
-- Raises   what queue.create_schedule raises, but BIZ_SCHEDULE_DUPLICATE · VAL_CHANGES_INVALID (22023)
-- Writes   queue.schedules
-- Example  select queue.update_schedule('acme', 'digest', '{"cron_expression": "0 8 * * *"}');
create function queue.update_schedule(p_namespace text, p_name text, p_changes jsonb)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_schedule queue.schedules;
  v_unknown text;
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_schedule_name(p_name);
  perform queue._validate_pull(p_namespace, null);
  if jsonb_typeof(p_changes) is distinct from 'object' then
    raise exception 'changes must be an object'
      using errcode = '22023', hint = 'postkit:queue:VAL_CHANGES_INVALID';
  end if;
  select k.key
  into v_unknown
  from jsonb_object_keys(p_changes) k (key)
  where k.key not in (
    'queue', 'payload', 'priority', 'max_attempts', 'tags', 'metadata', 'cron_expression', 'cron_timezone',
    'every_interval', 'catch_up', 'catch_up_max', 'overlap'
  )
  limit 1;
  if v_unknown is not null then
    raise exception 'a schedule has no % to change', quote_literal(v_unknown)
      using errcode = '22023', hint = 'postkit:queue:VAL_CHANGES_INVALID';
  end if;
  select s.*
  into v_schedule
  from queue.schedules s
  where s.namespace = p_namespace and s.name = p_name
  for update;
  if not found then
    return false;
  end if;
  if p_changes ->> 'cron_expression' is not null and not p_changes ? 'every_interval' then
    v_schedule.every_interval := null;
  elsif p_changes ->> 'every_interval' is not null and not p_changes ? 'cron_expression' then
    v_schedule.cron_expression := null;
  end if;
  begin
    v_schedule := jsonb_populate_record(v_schedule, p_changes - 'payload');
  exception
    when data_exception then
      raise exception 'changes cannot be read: %', sqlerrm
        using errcode = '22023', hint = 'postkit:queue:VAL_CHANGES_INVALID';
  end;
  -- The JSON value null is a payload, which the function above would read as none.
  if p_changes ? 'payload' then
    v_schedule.payload := p_changes -> 'payload';
  end if;
  v_schedule.priority := coalesce(v_schedule.priority, 0);
  v_schedule.max_attempts := coalesce(v_schedule.max_attempts, 3);
  v_schedule.tags := coalesce(v_schedule.tags, '{}');
  perform queue._validate_schedule(v_schedule);
  perform queue._change_schedule(v_schedule);
  return true;
end
$$;

-- schedules/get_schedule.sql
-- queue.get_schedule: one schedule.
--
-- Returns  the schedule; nothing when there is none of that name
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_SCHEDULE_NAME_NULL (22004) · VAL_SCHEDULE_NAME_EMPTY (22026)
--          · VAL_SCHEDULE_NAME_TOO_LONG (22001) · VAL_SCHEDULE_NAME_INVALID_CHARS (22023)
--          · VAL_SCHEDULE_NAME_WHITESPACE (22023)
-- Example  select next_run_at, last_error from queue.get_schedule('acme', 'digest');
create function queue.get_schedule(p_namespace text, p_name text)
returns table (
  id bigint,
  name text,
  queue text,
  payload jsonb,
  priority int,
  max_attempts int,
  tags text[],
  cron_expression text,
  cron_timezone text,
  every_interval interval,
  is_active boolean,
  last_run_at timestamptz,
  last_job_id bigint,
  next_run_at timestamptz,
  run_count bigint,
  last_error text,
  consecutive_failures int,
  created_at timestamptz,
  updated_at timestamptz,
  catch_up text,
  catch_up_max int,
  overlap text,
  metadata jsonb
)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._assert_readable(p_namespace);
  perform queue._validate_schedule_name(p_name);
  return query
    select s.id, s.name, s.queue, s.payload, s.priority, s.max_attempts, s.tags, s.cron_expression, s.cron_timezone,
      s.every_interval, s.is_active, s.last_run_at, s.last_job_id, s.next_run_at, s.run_count, s.last_error,
      s.consecutive_failures, s.created_at, s.updated_at, s.catch_up, s.catch_up_max, s.overlap, s.metadata
    from queue.schedules s
    where s.namespace = p_namespace and s.name = p_name;
end
$$;

-- schedules/list_schedules.sql
-- queue.list_schedules: a page of schedules, in the order of their names.
--
-- Takes    p_queue      only those of this queue
--          p_is_active  only active ones, or only paused ones
--          p_limit      on the page, 1 to 1000
--          p_cursor     name of the last one of the page before
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
-- Example  select name, next_run_at from queue.list_schedules('acme', p_is_active => true);
create function queue.list_schedules(
  p_namespace text,
  p_queue text default null,
  p_is_active boolean default null,
  p_limit int default 100,
  p_cursor text default null
)
returns table (
  name text,
  queue text,
  cron_expression text,
  every_interval interval,
  is_active boolean,
  next_run_at timestamptz,
  last_run_at timestamptz,
  run_count bigint,
  last_error text,
  consecutive_failures int,
  created_at timestamptz
)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  perform queue._assert_readable(p_namespace);
  perform queue._validate_limit(p_limit);
  return query
    select s.name, s.queue, s.cron_expression, s.every_interval, s.is_active, s.next_run_at, s.last_run_at, s.run_count,
      s.last_error, s.consecutive_failures, s.created_at
    from queue.schedules s
    where s.namespace = p_namespace
      and s.name > coalesce(p_cursor, '')
      and (p_queue is null or s.queue = p_queue)
      and (p_is_active is null or s.is_active = p_is_active)
    order by s.name
    limit p_limit;
end
$$;

-- schedules/delete_schedule.sql
-- queue.delete_schedule: ends a schedule for good; jobs that it pushed stay.
--
-- Returns  whether there was one of that name
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_SCHEDULE_NAME_NULL (22004)
--          · VAL_SCHEDULE_NAME_EMPTY (22026) · VAL_SCHEDULE_NAME_TOO_LONG (22001)
--          · VAL_SCHEDULE_NAME_INVALID_CHARS (22023) · VAL_SCHEDULE_NAME_WHITESPACE (22023)
-- Writes   queue.schedules
-- Example  select queue.delete_schedule('acme', 'digest');
create function queue.delete_schedule(p_namespace text, p_name text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_schedule_name(p_name);
  perform queue._validate_pull(p_namespace, null);
  delete from queue.schedules s
  where s.namespace = p_namespace and s.name = p_name;
  return found;
end
$$;

-- schedules/pause_schedule.sql
-- queue.pause_schedule: stops a schedule until it is resumed.
--
-- Returns  whether there is one of that name that was active
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_SCHEDULE_NAME_NULL (22004)
--          · VAL_SCHEDULE_NAME_EMPTY (22026) · VAL_SCHEDULE_NAME_TOO_LONG (22001)
--          · VAL_SCHEDULE_NAME_INVALID_CHARS (22023) · VAL_SCHEDULE_NAME_WHITESPACE (22023)
-- Writes   queue.schedules
-- Example  select queue.pause_schedule('acme', 'digest');
create function queue.pause_schedule(p_namespace text, p_name text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_schedule_name(p_name);
  perform queue._validate_pull(p_namespace, null);
  update queue.schedules s
  set is_active = false, next_run_at = null, updated_at = now()
  where s.namespace = p_namespace and s.name = p_name and s.is_active;
  return found;
end
$$;

-- schedules/resume_schedule.sql
-- queue.resume_schedule: lets a schedule run again, from now on: what it missed meanwhile is not made up.
--
-- Returns  whether there is one of that name that was paused
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_SCHEDULE_NAME_NULL (22004)
--          · VAL_SCHEDULE_NAME_EMPTY (22026) · VAL_SCHEDULE_NAME_TOO_LONG (22001)
--          · VAL_SCHEDULE_NAME_INVALID_CHARS (22023) · VAL_SCHEDULE_NAME_WHITESPACE (22023)
-- Writes   queue.schedules
-- Example  select queue.resume_schedule('acme', 'digest');
create function queue.resume_schedule(p_namespace text, p_name text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_schedule_name(p_name);
  perform queue._validate_pull(p_namespace, null);
  update queue.schedules s
  set is_active = true,
    next_run_at = queue._next_run(s, clock_timestamp(), clock_timestamp()),
    consecutive_failures = 0,
    last_error = null,
    updated_at = now()
  where s.namespace = p_namespace and s.name = p_name and not s.is_active;
  return found;
end
$$;

-- schedules/_planned_runs.sql
-- queue._planned_runs: which of the runs of a schedule that are due are to be pushed, as its catch_up says.
--
-- Returns  the times they were planned for
create function queue._planned_runs(p_schedule queue.schedules, p_now timestamptz)
returns timestamptz[]
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_wanted int := case p_schedule.catch_up when 'all' then p_schedule.catch_up_max else 1 end;
  -- Back from now, further each time until there are enough, so that a long pause does not take long.
  v_window interval := coalesce(p_schedule.every_interval, interval '1 minute') * v_wanted;
  v_from timestamptz;
  v_run timestamptz;
  v_runs timestamptz[];
begin
  if p_schedule.catch_up = 'one' then
    return array[p_schedule.next_run_at];
  end if;
  loop
    v_from := greatest(p_now - v_window, p_schedule.next_run_at);
    v_runs := '{}';
    v_run := case
      when v_from = p_schedule.next_run_at then v_from
      else queue._next_run(p_schedule, v_from, p_schedule.next_run_at)
    end;
    while v_run <= p_now loop
      v_runs := v_runs || v_run;
      v_run := queue._next_run(p_schedule, v_run, v_run);
    end loop;
    exit when cardinality(v_runs) >= v_wanted or v_from = p_schedule.next_run_at;
    v_window := v_window * 4;
  end loop;
  v_runs := v_runs[greatest(1, cardinality(v_runs) - v_wanted + 1):];
  if p_schedule.catch_up = 'none' and v_runs[1] <= p_now - interval '1 minute' then
    return '{}';
  end if;
  return v_runs;
end
$$;

-- schedules/_run_schedule.sql
-- queue._run_schedule: pushes what a schedule whose time has come is to push, as its policies say.
--
-- Returns  the ids of the jobs; none when all was skipped
create function queue._run_schedule(p_schedule queue.schedules, p_now timestamptz)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_planned_at timestamptz;
  v_id bigint;
  v_ids bigint[] := '{}';
begin
  if p_schedule.overlap = 'skip' and queue._is_live(p_schedule.namespace, p_schedule.last_job_id) then
    return '{}';
  end if;
  foreach v_planned_at in array queue._planned_runs(p_schedule, p_now) loop
    v_id := queue._enqueue(
      p_schedule.namespace, p_schedule.queue, p_schedule.payload, null, p_schedule.priority, p_schedule.max_attempts,
      null, p_schedule.tags,
      coalesce(p_schedule.metadata, '{}') || jsonb_build_object('schedule', p_schedule.name, 'planned_at', v_planned_at)
    );
    v_ids := v_ids || v_id;
    perform queue._wake(
      p_schedule.namespace, p_schedule.queue,
      json_build_object('id', v_id, 'queue', p_schedule.queue, 'schedule', p_schedule.name)
    );
  end loop;
  return v_ids;
end
$$;

-- schedules/_due_schedules.sql
-- queue._due_schedules: locks the schedules whose time has come, those that were to run first, passing over those that
-- others are just running.
create function queue._due_schedules(p_namespace text, p_limit int, p_now timestamptz)
returns setof queue.schedules
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  if p_namespace is null then
    return query
      select s.*
      from queue.schedules s
      where s.is_active and s.next_run_at <= p_now
      order by s.next_run_at
      limit p_limit
      for update skip locked;
  else
    return query
      select s.*
      from queue.schedules s
      where s.is_active and s.namespace = p_namespace and s.next_run_at <= p_now
      order by s.next_run_at
      limit p_limit
      for update skip locked;
  end if;
end
$$;

-- schedules/tick_schedules.sql
-- queue.tick_schedules: pushes the jobs of schedules whose time has come.
--
-- To be called every few seconds; workers of the client do it. Several may call it at once: no run is pushed twice. What
-- goes wrong with one schedule is noted in last_error and tried again in a minute, ten times; the others go on.
--
-- Takes    p_namespace  null for all, which needs a role that row level security does not bind
--          p_limit      the most schedules, 1 to 1000, those that were to run first
-- Returns  the jobs
-- Raises   VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
--          · BIZ_ALL_NAMESPACES_REQUIRES_BYPASS (42501)
-- Writes   queue.schedules, queue.ready
-- Example  select * from queue.tick_schedules('acme');
create function queue.tick_schedules(p_namespace text default null, p_limit int default 100)
returns table (schedule_name text, job_id bigint, next_run_at timestamptz)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_schedule queue.schedules;
  v_job_ids bigint[];
  v_now timestamptz;
  v_next timestamptz;
begin
  perform queue._validate_tick(p_namespace, p_limit);
  v_now := clock_timestamp();
  for v_schedule in
    select s.* from queue._due_schedules(p_namespace, p_limit, v_now) s
  loop
    begin
      v_job_ids := queue._run_schedule(v_schedule, v_now);
      v_next := queue._next_run(v_schedule, v_now, v_schedule.next_run_at);
      update queue.schedules s
      set last_run_at = case when v_job_ids = '{}' then s.last_run_at else v_now end,
        last_job_id = coalesce(v_job_ids[cardinality(v_job_ids)], s.last_job_id),
        run_count = s.run_count + cardinality(v_job_ids),
        next_run_at = v_next,
        last_error = null,
        consecutive_failures = 0,
        updated_at = v_now
      where s.namespace = v_schedule.namespace and s.id = v_schedule.id;
    exception
      -- Nothing is wrong with the schedule: the same call does better when it is made anew.
      when serialization_failure or deadlock_detected then
        raise;
      when others then
        v_job_ids := '{}';
        update queue.schedules s
        set last_error = sqlerrm,
          consecutive_failures = s.consecutive_failures + 1,
          is_active = s.consecutive_failures + 1 < 10,
          next_run_at = case when s.consecutive_failures + 1 < 10 then v_now + interval '1 minute' end,
          updated_at = v_now
        where s.namespace = v_schedule.namespace and s.id = v_schedule.id;
    end;
    schedule_name := v_schedule.name;
    next_run_at := v_next;
    foreach job_id in array v_job_ids loop
      return next;
    end loop;
  end loop;
end
$$;

-- stats/_count_jobs.sql
-- queue._count_jobs: how many jobs each queue has, by state.
--
-- Takes    p_queue  null for all
-- Returns  a row for each queue that has any
create function queue._count_jobs(p_namespace text, p_queue text)
returns table (
  queue text,
  pending bigint,
  running bigint,
  completed bigint,
  dead bigint,
  cancelled bigint,
  oldest_pending_at timestamptz
)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return query
    select c.queue,
      coalesce(sum(c.job_count) filter (where c.status = 'pending'), 0)::bigint,
      coalesce(sum(c.job_count) filter (where c.status = 'running'), 0)::bigint,
      coalesce(sum(c.job_count) filter (where c.status = 'completed'), 0)::bigint,
      coalesce(sum(c.job_count) filter (where c.status = 'dead'), 0)::bigint,
      coalesce(sum(c.job_count) filter (where c.status = 'cancelled'), 0)::bigint,
      min(c.oldest_at)
    from (
      select r.queue, 'pending' as status, count(*) as job_count, min(coalesce(r.scheduled_at, r.created_at)) as oldest_at
      from queue.ready r
      where r.namespace = p_namespace and (p_queue is null or r.queue = p_queue)
      group by r.queue
      union all
      select d.queue, 'pending', count(*), min(d.run_at)
      from queue.deferred d
      where d.namespace = p_namespace and (p_queue is null or d.queue = p_queue)
      group by d.queue
      union all
      select l.queue, 'running', count(*), null
      from queue.leases l
      where l.namespace = p_namespace and (p_queue is null or l.queue = p_queue)
      group by l.queue
      union all
      select a.queue, a.status, count(*), null
      from queue.archive a
      where a.namespace = p_namespace and (p_queue is null or a.queue = p_queue)
      group by a.queue, a.status
    ) c
    group by c.queue;
end
$$;

-- stats/get_stats.sql
-- queue.get_stats: how many jobs a namespace has, by state.
--
-- Counts them: on a million jobs that takes a moment.
--
-- Returns  one row; completed ones count where they are kept, until their retention ends
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select pending, running, dead from queue.get_stats('acme');
create function queue.get_stats(p_namespace text)
returns table (
  total_jobs bigint,
  pending bigint,
  running bigint,
  completed bigint,
  dead bigint,
  total_queues bigint
)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._assert_readable(p_namespace);
  return query
    select coalesce(sum(s.pending + s.running + s.completed + s.dead + s.cancelled), 0)::bigint,
      coalesce(sum(s.pending), 0)::bigint, coalesce(sum(s.running), 0)::bigint,
      coalesce(sum(s.completed), 0)::bigint, coalesce(sum(s.dead), 0)::bigint, count(*)
    from queue._count_jobs(p_namespace, null) s;
end
$$;

-- stats/get_queue_stats.sql
-- queue.get_queue_stats: how many jobs and dead letters each queue has, how long the oldest one waits, and whether the
-- queue is paused.
--
-- Takes    p_queue  only this queue
-- Returns  a row for each queue that has any or is paused, in the order of names; oldest_pending_seconds is below 0 where
--          all jobs are delayed, and null where none waits; dead_letters are those that were not retried
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select queue, pending, oldest_pending_seconds from queue.get_queue_stats('acme');
create function queue.get_queue_stats(p_namespace text, p_queue text default null)
returns table (
  queue text,
  pending bigint,
  running bigint,
  completed bigint,
  dead bigint,
  oldest_pending_seconds numeric,
  dead_letters bigint,
  is_paused boolean
)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_is_paused boolean;
begin
  perform queue._assert_readable(p_namespace);
  v_is_paused := exists (
    select
    from queue.config c
    where c.namespace = p_namespace and c.queue = '' and c.paused_at is not null
  );
  return query
    select coalesce(s.queue, l.queue, p.queue), coalesce(s.pending, 0), coalesce(s.running, 0), coalesce(s.completed, 0),
      coalesce(s.dead, 0), extract(epoch from clock_timestamp() - s.oldest_pending_at)::numeric,
      coalesce(l.letter_count, 0), v_is_paused or p.queue is not null
    from queue._count_jobs(p_namespace, p_queue) s
    full join (
      select d.queue, count(*) as letter_count
      from queue.dead_letters d
      where d.namespace = p_namespace and (p_queue is null or d.queue = p_queue) and d.retried_at is null
      group by d.queue
    ) l on l.queue = s.queue
    full join (
      select c.queue
      from queue.config c
      where c.namespace = p_namespace
        and c.queue <> ''
        and (p_queue is null or c.queue = p_queue)
        and c.paused_at is not null
    ) p on p.queue = coalesce(s.queue, l.queue)
    order by 1;
end
$$;

-- maintenance/_share.sql
-- queue._share: how many percent some pages are of a table.
--
-- Takes    p_size  of the table, in bytes
create function queue._share(p_pages int, p_size bigint)
returns real
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return least(100, 100.0 * p_pages * current_setting('block_size')::int / greatest(p_size, 1));
end
$$;

-- maintenance/_delete_expired_archive.sql
-- queue._delete_expired_archive: deletes jobs that their queue does not keep any more.
--
-- Takes    p_before  nothing from then on has expired
--          p_depth   how many of the oldest ones it looks at
--          p_share   and how much of all, in percent, wherever that is
create function queue._delete_expired_archive(p_before timestamptz, p_now timestamptz, p_depth int, p_share real)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  with old as (
    (
      select a.namespace, a.queue, a.id, a.finished_at
      from queue.archive a
      where a.finished_at < p_before
      order by a.finished_at
      limit p_depth
    )
    union
    select a.namespace, a.queue, a.id, a.finished_at
    from queue.archive a tablesample system (p_share)
    where a.finished_at < p_before
  )
  delete from queue.archive a
  using old o
  join queue.config g on g.namespace = 'global' and g.queue = ''
  left join queue.config n on n.namespace = o.namespace and n.queue = ''
  left join queue.config q on q.namespace = o.namespace and q.queue = o.queue
  where o.finished_at < p_now - coalesce(q.retention, n.retention, g.retention)
    and a.namespace = o.namespace
    and a.id = o.id
    and a.finished_at = o.finished_at;
end
$$;

-- maintenance/_delete_expired_dead_letters.sql
-- queue._delete_expired_dead_letters: deletes retried dead letters that their queue does not keep any more.
--
-- Takes    p_before  nothing from then on has expired
--          p_depth   how many of the oldest ones it looks at
--          p_share   and how much of all, in percent, wherever that is
create function queue._delete_expired_dead_letters(p_before timestamptz, p_now timestamptz, p_depth int, p_share real)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  with old as (
    (
      select d.namespace, d.queue, d.id, d.retried_at
      from queue.dead_letters d
      where d.retried_at < p_before
      order by d.retried_at
      limit p_depth
    )
    union
    select d.namespace, d.queue, d.id, d.retried_at
    from queue.dead_letters d tablesample system (p_share)
    where d.retried_at < p_before
  )
  delete from queue.dead_letters d
  using old o
  join queue.config g on g.namespace = 'global' and g.queue = ''
  left join queue.config n on n.namespace = o.namespace and n.queue = ''
  left join queue.config q on q.namespace = o.namespace and q.queue = o.queue
  where o.retried_at < p_now - coalesce(q.retention, n.retention, g.retention)
    and d.namespace = o.namespace
    and d.id = o.id;
end
$$;

-- maintenance/_delete_expired_history.sql
-- queue._delete_expired_history: deletes jobs and retried dead letters that their queue does not keep any more.
--
-- Looks at the oldest ones, and where some queues keep them longer than others, at a small share of all, another one at
-- each call: so it comes by everywhere, and no call takes long.
--
-- Takes    p_depth  how many of the oldest it looks at; a tenth as many pages of all
create function queue._delete_expired_history(p_depth int)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_pages int := 0;
  v_shortest interval;
  v_longest interval;
begin
  select min(c.retention), max(c.retention) into v_shortest, v_longest from queue.config c;
  if v_shortest < v_longest then
    v_pages := p_depth / 10;
  end if;
  perform queue._delete_expired_archive(
    v_now - v_shortest, v_now, p_depth,
    queue._share(
      v_pages,
      (select sum(pg_relation_size(t.relid)) from pg_partition_tree('queue.archive') t where t.isleaf)::bigint
    )
  );
  perform queue._delete_expired_dead_letters(
    v_now - v_shortest, v_now, p_depth, queue._share(v_pages, pg_relation_size('queue.dead_letters'))
  );
end
$$;

-- maintenance/_look_after_partitions.sql
-- queue._look_after_partitions: makes the partitions of the coming days and drops those that nobody keeps any more.
--
-- Waits for nobody: what somebody else's lock forbids is done another time. Called by the owner in maintenance.
create function queue._look_after_partitions()
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set timezone = 'UTC'
set lock_timeout = '50ms'
as $$
begin
  if to_regclass(to_char(clock_timestamp() + interval '3 days', '"queue.archive_y"YYYY"m"MM"d"DD')) is null then
    perform queue.ensure_archive_partitions();
  end if;
  perform queue.drop_archive_partitions();
exception
  when lock_not_available then
    null;
end
$$;

-- maintenance/_forget_dead_workers.sql
-- queue._forget_dead_workers: deletes workers that were not heard of for minutes, passing over those that just come back.
create function queue._forget_dead_workers()
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  delete from queue.workers w
  using (
    select d.namespace, d.queue, d.worker_id
    from queue.workers d
    where d.seen_at < clock_timestamp() - interval '5 minutes'
    for update skip locked
  ) d
  where w.namespace = d.namespace and w.queue = d.queue and w.worker_id = d.worker_id;
end
$$;

-- maintenance/maintain.sql
-- queue.maintain: does what has to be done every few seconds, for all namespaces: takes jobs back from workers that are
-- gone, pushes the jobs of schedules, forgets dead workers, and looks after floors and archive.
--
-- Workers of the client call it; without them pg_cron or any other clock may. One call works at a time, others return at
-- once. What goes wrong in one part does not hinder the others. Runs as its owner and returns no more than counts.
--
-- Takes    p_unless_within  returns at once when it ran that lately, so that many callers do no more than one
-- Returns  one row: is_leader, false when another call was or is at it; how many jobs timed out, how many schedules ran,
--          and what went wrong
-- Writes   all tables · Locks queue.upkeep
-- Example  select * from queue.maintain();
create function queue.maintain(p_unless_within interval default '0')
returns table (is_leader boolean, timed_out int, scheduled int, problems text[])
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
begin
  timed_out := 0;
  scheduled := 0;
  problems := '{}';
  perform set_config('postkit.maintenance', 'on', true);
  is_leader := exists (
    select
    from queue.upkeep u
    where u.ran_at <= clock_timestamp() - coalesce(p_unless_within, interval '0')
    for update skip locked
  );
  if is_leader then
    begin
      select count(*)
      into timed_out
      from queue._time_out(
        null, 1000, coalesce((select m.expires_after from queue.marks m order by m.id desc limit 1), '-infinity')
      );
    exception
      when others then
        problems := problems || ('timeouts: ' || sqlerrm);
    end;
    begin
      select count(*) into scheduled from queue.tick_schedules(null, 1000);
    exception
      when others then
        problems := problems || ('schedules: ' || sqlerrm);
    end;
    begin
      perform queue._forget_dead_workers();
      perform queue._advance_floors();
    exception
      when others then
        problems := problems || ('floors: ' || sqlerrm);
    end;
    begin
      perform queue._delete_expired_history(1000);
    exception
      when others then
        problems := problems || ('history: ' || sqlerrm);
    end;
    -- Last, since its locks are kept to the end.
    begin
      perform queue._look_after_partitions();
    exception
      when others then
        problems := problems || ('partitions: ' || sqlerrm);
    end;
    update queue.upkeep u set ran_at = clock_timestamp() where u.id = 1;
  end if;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
  return next;
end
$$;

-- testing/_advance.sql
-- queue._advance: lets time pass for the jobs and schedules of a namespace, for tests of applications: what is deferred,
-- leased or planned comes that much nearer.
--
-- Raises   VAL_NAMESPACE_NULL (22004) and its like · VAL_INTERVAL_TOO_LARGE (22023)
create function queue._advance(p_namespace text, p_by interval)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_interval_size(p_by, 'by');
  perform queue._validate_pull(p_namespace, null);
  update queue.deferred d
  set run_at = d.run_at - p_by
  where d.namespace = p_namespace;
  update queue.leases l
  set expires_at = l.expires_at - p_by
  where l.namespace = p_namespace;
  update queue.schedules s
  set next_run_at = s.next_run_at - p_by
  where s.namespace = p_namespace and s.is_active;
end
$$;

-- privileges/_grant.sql
-- queue._grant: gives a role what its kind needs of this schema; called by postkit.grant_role.
create function queue._grant(p_role text, p_kind text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_function text;
begin
  if p_kind in ('worker', 'maintenance') then
    execute format('grant usage on schema queue to %I', p_role);
    execute format('grant execute on function queue.maintain(interval) to %I', p_role);
  end if;
  if p_kind = 'worker' then
    execute format(
      'grant execute on function queue.pull_global(text[], int, text, interval, text),
         queue.exchange_global(text[], int, text, interval, text, text[], bigint[], bigint[]),
         queue.report_global_worker(text[], text, boolean) to %I',
      p_role
    );
  end if;
  if p_kind = 'maintenance' then
    execute format('grant execute on function queue.create_archive_partition(date) to %I', p_role);
    execute format('grant execute on function queue.ensure_archive_partitions(int) to %I', p_role);
    execute format('grant execute on function queue.drop_archive_partitions() to %I', p_role);
  end if;
  if p_kind <> 'app' then
    return;
  end if;
  execute format('grant usage on schema queue to %I', p_role);
  execute format(
    'grant select, insert, update, delete on queue.ready, queue.deferred, queue.leases, queue.unique_keys,
       queue.dead_letters, queue.schedules, queue.config, queue.workers to %I',
    p_role
  );
  execute format('grant select, insert on queue.archive, queue.lanes to %I', p_role);
  -- Of marks and upkeep it sees nothing: they belong to no tenant.
  execute format('grant select on queue.floors, queue.marks, queue.upkeep to %I', p_role);
  execute format('grant select on queue.jobs to %I', p_role);
  -- Not UPDATE: nobody may set them back.
  execute format('grant usage on sequence queue.job_id_seq, queue.fence_token_seq to %I', p_role);
  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'queue'::regnamespace
      and not p.prosecdef
      and p.proname not in (
        '_grant', '_attach_archive_partition', '_look_after_partitions', '_forget_dead_workers',
        '_delete_expired_history', '_delete_expired_archive', '_delete_expired_dead_letters', '_advance_floor',
        '_advance_lanes', '_advance_floors', '_first_deadline'
      )
  loop
    execute format('grant execute on function %s to %I', v_function, p_role);
  end loop;
end
$$;

-- privileges/revoke.sql
revoke all on schema queue from public;
revoke all on all tables in schema queue from public;
revoke all on all sequences in schema queue from public;
revoke all on all functions in schema queue from public;
