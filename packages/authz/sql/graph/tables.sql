-- One row a namespace: what reads need to know of its groups, and the lock that writers of structural edges take in turn.
create table authz.graph_state (
  namespace text collate "C" not null,
  version bigint not null default 1,
  group_types text[] not null default '{}',
  constraint graph_state_pkey primary key (namespace)
);

comment on table authz.graph_state is 'Version of the group and container graph of a namespace; its row lock orders structural writes';
comment on column authz.graph_state.group_types is 'Types of subjects that may stand for others: what is held on any other type is no membership';

alter table authz.graph_state enable row level security;
alter table authz.graph_state force row level security;

create policy graph_state_tenant_isolation on authz.graph_state
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy graph_state_maintenance on authz.graph_state to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

-- Which types contain which. While a type can never, over any number of types, contain itself, its edges cannot close
-- a cycle: their writers share the row's lock instead of taking turns.
create table authz.type_edges (
  namespace text collate "C" not null,
  child_type text collate "C" not null,
  parent_type text collate "C" not null,
  is_cyclic boolean not null,
  constraint type_edges_pkey primary key (namespace, child_type, parent_type)
);

comment on table authz.type_edges is 'Types of resources that have parents, with the types of these; is_cyclic when the types lead back to themselves';

alter table authz.type_edges enable row level security;
alter table authz.type_edges force row level security;

create policy type_edges_tenant_isolation on authz.type_edges
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy type_edges_maintenance on authz.type_edges to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');
