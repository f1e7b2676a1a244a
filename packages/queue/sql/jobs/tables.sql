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
