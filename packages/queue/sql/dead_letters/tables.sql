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
