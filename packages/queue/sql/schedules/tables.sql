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
