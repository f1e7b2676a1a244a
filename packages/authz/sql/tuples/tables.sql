-- Ids are kept and compared in Unicode form NFC; what the caller sent stays in *_raw where it differs.
create table authz.tuples (
  namespace text collate "C" not null default 'default',
  id bigint generated always as identity,
  resource_type text collate "C" not null,
  resource_id text collate "C" not null,
  relation text collate "C" not null,
  subject_type text collate "C" not null,
  subject_id text collate "C" not null,
  subject_relation text collate "C",
  resource_id_raw text collate "C",
  subject_id_raw text collate "C",
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  constraint tuples_pkey primary key (namespace, id),
  constraint tuples_subject_relation_is_null_or_named check (subject_relation <> ''),
  constraint tuples_resource_id_is_nfc check (resource_id is nfc normalized),
  constraint tuples_subject_id_is_nfc check (subject_id is nfc normalized)
);

comment on table authz.tuples is 'Resource has relation to subject, optionally only to holders of subject_relation on it, optionally until expires_at';

create unique index tuples_key_idx on authz.tuples
  (namespace, resource_type, resource_id, relation, subject_type, subject_id, coalesce(subject_relation, ''))
  include (expires_at);

create index tuples_subject_idx on authz.tuples
  (namespace, subject_type, subject_id, relation, resource_type, resource_id)
  include (subject_relation, expires_at);

create index tuples_expires_at_idx on authz.tuples (namespace, expires_at) where expires_at is not null;

alter table authz.tuples enable row level security;
alter table authz.tuples force row level security;

create policy tuples_tenant_isolation on authz.tuples
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy tuples_maintenance on authz.tuples to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

create trigger tuples_audit
  after insert or update or delete on authz.tuples
  for each row execute function authz._audit_tuple();

-- One row a namespace, which writers of structural edges update to take turns.
create table authz.graph_state (
  namespace text collate "C" not null,
  version bigint not null default 1,
  constraint graph_state_pkey primary key (namespace)
);

comment on table authz.graph_state is 'Version of the group and container graph of a namespace; its row lock orders structural writes';

alter table authz.graph_state enable row level security;
alter table authz.graph_state force row level security;

create policy graph_state_tenant_isolation on authz.graph_state
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy graph_state_maintenance on authz.graph_state to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');
