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
  constraint tuples_subject_id_is_nfc check (subject_id is nfc normalized),
  constraint tuples_resource_id_raw_is_the_same_id check (normalize(resource_id_raw, nfc) = resource_id),
  constraint tuples_subject_id_raw_is_the_same_id check (normalize(subject_id_raw, nfc) = subject_id)
);

comment on table authz.tuples is 'Resource has relation to subject, optionally only to holders of subject_relation on it, optionally until expires_at';

-- What is held on a resource, by whom: checks probe it, pages of subjects read it in order.
create unique index tuples_key_idx on authz.tuples
  (namespace, resource_type, resource_id, subject_type, subject_id, relation, coalesce(subject_relation, ''));

-- What a subject holds, by type of resource: memberships, children of a container, pages of resources. Either index
-- finds a grant of known ends at once, so that it does not matter which the planner takes.
create index tuples_subject_idx on authz.tuples
  (namespace, subject_type, subject_id, resource_type, resource_id, relation)
  include (subject_relation, expires_at);

create index tuples_parent_idx on authz.tuples (namespace, resource_type, resource_id)
  include (subject_type, subject_id, subject_relation, expires_at)
  where relation = 'parent';

-- Edges of groups in groups, and grants to groups: few among the many of users, so that these stay small and in memory.
create index tuples_nesting_idx on authz.tuples (namespace, subject_type, subject_id)
  include (resource_type, resource_id, subject_relation, expires_at)
  where relation = 'member' and (subject_type <> 'user' or subject_relation is not null);

create index tuples_set_idx on authz.tuples (namespace, resource_type, resource_id)
  include (relation, subject_type, subject_id, subject_relation, expires_at)
  where relation <> 'parent' and (subject_type <> 'user' or subject_relation is not null);

create index tuples_resource_id_raw_idx on authz.tuples (namespace, resource_type, resource_id)
  where resource_id_raw is not null;

-- Finds a recipient's grants in all namespaces. Under another name of the same collation, as no other query asks for
-- it: being small, it would tempt the planner away from tuples_subject_idx, which also has the relation.
create index tuples_recipient_idx on authz.tuples (subject_id collate "POSIX", subject_type, namespace);

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

create trigger tuples_types
  before insert or update of namespace, resource_type, relation, subject_type, subject_relation on authz.tuples
  for each row
  when (
    new.relation = 'parent'
    or new.subject_type <> 'user'
    or new.subject_relation is not null
    or new.resource_type = 'user'
  )
  execute function authz._register_types();
