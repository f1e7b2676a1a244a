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
