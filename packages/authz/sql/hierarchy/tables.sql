create table authz.permission_hierarchy (
  namespace text collate "C" not null default 'default',
  id bigint generated always as identity,
  resource_type text collate "C" not null,
  permission text collate "C" not null,
  implies text collate "C" not null,
  created_at timestamptz not null default now(),
  constraint permission_hierarchy_pkey primary key (namespace, id),
  constraint permission_hierarchy_key unique (namespace, resource_type, permission, implies)
);

comment on table authz.permission_hierarchy is 'Who has permission on a resource of this type has what it implies as well; rules of namespace global hold for all';

create index permission_hierarchy_implies_idx on authz.permission_hierarchy
  (namespace, resource_type, implies, permission);

alter table authz.permission_hierarchy enable row level security;
alter table authz.permission_hierarchy force row level security;

-- Rules of namespace global are read by all and written by the owner's maintenance alone.
create policy hierarchy_tenant_isolation on authz.permission_hierarchy
  using (namespace = nullif(current_setting('postkit.tenant_id', true), '') and namespace <> 'global')
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), '') and namespace <> 'global');

create policy hierarchy_global_read on authz.permission_hierarchy for select
  using (namespace = 'global');

create policy hierarchy_maintenance on authz.permission_hierarchy to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

create trigger permission_hierarchy_audit
  after insert or update or delete on authz.permission_hierarchy
  for each row execute function authz._audit_hierarchy();
