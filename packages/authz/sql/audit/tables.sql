create table authz.audit_events (
  namespace text collate "C" not null,
  id bigint generated always as identity,
  event_id uuid not null default gen_random_uuid(),
  event_type text collate "C" not null,
  resource_type text collate "C" not null,
  resource_id text collate "C" not null,
  relation text collate "C" not null,
  subject_type text collate "C" not null,
  subject_id text collate "C" not null,
  subject_relation text collate "C",
  resource_id_raw text collate "C",
  subject_id_raw text collate "C",
  tuple_id bigint,
  expires_at timestamptz,
  actor_id text collate "C",
  request_id text,
  reason text,
  on_behalf_of text,
  session_user_name text not null default session_user,
  current_user_name text not null,
  client_addr inet default inet_client_addr(),
  client_port int default inet_client_port(),
  application_name text default current_setting('application_name', true),
  backend_pid int not null default pg_backend_pid(),
  event_time timestamptz not null default now(),
  constraint audit_events_pkey primary key (namespace, id, event_time),
  constraint audit_events_event_type_is_known check (
    event_type in ('tuple_created', 'tuple_updated', 'tuple_deleted', 'hierarchy_created', 'hierarchy_deleted')
  )
) partition by range (event_time);

comment on table authz.audit_events is 'Every change of a tuple or a rule, written by triggers in the same transaction';

create table authz.audit_events_default partition of authz.audit_events default;

comment on table authz.audit_events_default is 'Takes events of a time that has no partition of its own, so that no change ever fails for want of one';

create index audit_events_event_time_idx on authz.audit_events (namespace, event_time desc, id desc);

create index audit_events_actor_id_idx on authz.audit_events (namespace, actor_id, event_time desc, id desc)
  where actor_id is not null;

create index audit_events_resource_idx on authz.audit_events
  (namespace, resource_type, resource_id, event_time desc, id desc);

create index audit_events_subject_idx on authz.audit_events
  (namespace, subject_type, subject_id, event_time desc, id desc);

-- What is rarer than grants, and would be far to seek among them.
create index audit_events_event_type_idx on authz.audit_events (namespace, event_type, event_time desc, id desc)
  where event_type <> 'tuple_created';

create index audit_events_tuple_id_idx on authz.audit_events (namespace, tuple_id) where tuple_id is not null;

create index audit_events_event_id_idx on authz.audit_events (namespace, event_id);

alter table authz.audit_events enable row level security;
alter table authz.audit_events force row level security;
alter table authz.audit_events_default enable row level security;
alter table authz.audit_events_default force row level security;

create policy audit_tenant_isolation on authz.audit_events for select
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

-- The triggers run as the owner, in whatever tenant the change was made; nobody else is granted INSERT.
create policy audit_owner_insert on authz.audit_events for insert to current_user
  with check (true);

create policy audit_maintenance on authz.audit_events to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

create type authz.audit_position as (event_time timestamptz, id bigint);

comment on type authz.audit_position is 'A place in the audit, newest first';
