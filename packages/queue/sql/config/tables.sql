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
