-- authz.rebuild_graph: works out again which types are groups and which contain which, from the tuples of a namespace.
--
-- Needed after tuples were loaded with triggers off, as authz.verify_integrity tells; useful when a type is a group no
-- more, since its grants are then no longer read as memberships. Writers of tuples wait until the transaction ends.
--
-- Takes    p_namespace  the namespace; the transaction's by default
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023)
-- Writes   authz.graph_state, authz.type_edges · Locks authz.tuples against writes
-- Example  select authz.rebuild_graph('acme');
create function authz.rebuild_graph(
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns void
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
as $$
declare
  v_maintenance text := coalesce(current_setting('postkit.maintenance', true), '');
  v_group_types text[];
begin
  perform authz._validate_namespace(p_namespace);
  perform set_config('postkit.maintenance', 'on', true);
  lock table authz.tuples in share row exclusive mode;

  v_group_types := authz._group_types_in_use(p_namespace);
  insert into authz.graph_state as g (namespace, group_types)
  values (p_namespace, v_group_types)
  on conflict (namespace) do update set version = g.version + 1, group_types = excluded.group_types;

  delete from authz.type_edges e where e.namespace = p_namespace;
  insert into authz.type_edges (namespace, child_type, parent_type, is_cyclic)
  select distinct t.namespace, t.resource_type, t.subject_type, false
  from authz.tuples t
  where t.namespace = p_namespace
    and t.relation = 'parent'
  on conflict (namespace, child_type, parent_type) do nothing;
  update authz.type_edges e
  set is_cyclic = true
  where e.namespace = p_namespace
    and (e.child_type = e.parent_type or e.child_type = any (authz._container_types(e.parent_type, p_namespace)));
  perform set_config('postkit.maintenance', v_maintenance, true);
end
$$;
