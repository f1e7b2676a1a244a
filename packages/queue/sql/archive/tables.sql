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
