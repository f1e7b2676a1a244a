-- authz.verify_integrity: what is not as it should be in a namespace, and in the audit.
--
-- Cycles are refused when they are written; group_cycles and resource_cycles tell of one that came by another way.
-- Access through it is found all the same, up to the depth of 50. type_graph tells that tuples were loaded with triggers
-- off, so that grants are not found: authz.rebuild_graph mends that. audit_partitions tells that events, of whatever
-- tenant, had to go to the default partition: authz.create_audit_partition for their month moves them.
--
-- Takes    p_namespace  tenant; the transaction's by default
-- Returns  a row for each finding, none when all is well: ('system', 'group_cycles', 'warning', …),
--          ('system', 'resource_cycles', 'warning', …), ('system', 'type_graph', 'error', …),
--          ('system', 'audit_partitions', 'error', …)
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.verify_integrity();
create function authz.verify_integrity(
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (resource_type text, resource_id text, status text, details text)
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_cycle text;
begin
  perform authz._assert_readable(p_namespace);
  v_cycle := authz._find_cycle('member', p_namespace);
  if v_cycle is not null then
    return query select 'system', 'group_cycles', 'warning', 'groups are members of each other: ' || v_cycle;
  end if;
  v_cycle := authz._find_cycle('parent', p_namespace);
  if v_cycle is not null then
    return query select 'system', 'resource_cycles', 'warning', 'resources are inside each other: ' || v_cycle;
  end if;
  if not authz._group_types_in_use(p_namespace) <@ coalesce((
      select g.group_types from authz.graph_state g where g.namespace = p_namespace
    ), '{}')
    or exists (
      select
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
    )
  then
    return query select 'system', 'type_graph', 'error',
      'tuples came by without their triggers, so that access is missing: call authz.rebuild_graph';
  end if;
  if authz._audit_default_has_rows() then
    return query select 'system', 'audit_partitions', 'error',
      'the default partition of the audit holds events: create the partitions of their months';
  end if;
end
$$;
