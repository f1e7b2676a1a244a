-- authz.rebuild_graph: adds what is missing to what is known of types: which are groups and which contain which.
--
-- Needed after tuples were loaded with triggers off, as authz.verify_integrity tells. Forgets nothing, so that it is
-- safe at any time: a transaction that is under way may rely on what it saw.
--
-- Takes    p_namespace  tenant; the transaction's by default
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
--          · BIZ_TENANT_MISMATCH (42501) · BIZ_ISOLATION_LEVEL (25001)
-- Writes   authz.type_edges · Locks authz.graph_state
-- Example  select authz.rebuild_graph();
create function authz.rebuild_graph(
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_edge record;
begin
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_tenant(p_namespace);
  perform authz._lock_graph(p_namespace);
  update authz.graph_state g
  set group_types = array(select distinct unnest(g.group_types || authz._group_types_in_use(p_namespace)))
  where g.namespace = p_namespace
    and not authz._group_types_in_use(p_namespace) <@ g.group_types;

  for v_edge in
    select distinct t.resource_type, t.subject_type
    from authz.tuples t
    where t.namespace = p_namespace
      and t.relation = 'parent'
      and not exists (
        select
        from authz.type_edges e
        where e.namespace = p_namespace
          and e.child_type = t.resource_type
          and e.parent_type = t.subject_type
      )
  loop
    perform authz._register_type_edge(v_edge.resource_type, v_edge.subject_type, p_namespace);
  end loop;
end
$$;
