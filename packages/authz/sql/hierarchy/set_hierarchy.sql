-- authz.set_hierarchy: makes each permission of a list imply the next one, on a type of resource.
--
-- Adds what is missing and takes nothing back; all rules or none.
--
-- Takes    p_resource_type  the type they hold for
--          p_permissions    from the strongest to the weakest, at most 1000; fewer than two make no rule
--          p_namespace      tenant; the transaction's by default
-- Returns  how many rules are new
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023)
--          · VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001)
--          · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501) · BIZ_GLOBAL_PROTECTED (42501)
--          · BIZ_CYCLE_SELF (PK001) · BIZ_CYCLE_HIERARCHY (PK001)
-- Writes   authz.permission_hierarchy, authz.audit_events · Locks authz.graph_state
-- Example  select authz.set_hierarchy('repo', array['owner', 'admin', 'write', 'read']);
create function authz.set_hierarchy(
  p_resource_type text,
  p_permissions text[],
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_permissions text[] := array(
    select p.permission from unnest(p_permissions) with ordinality p (permission, position) order by p.position
  );
  v_before int;
  v_after int;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_elements(p_permissions, 'permissions', 'identifier');
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_tenant(p_namespace);
  perform authz._assert_not_global(p_namespace);
  if cardinality(v_permissions) < 2 then
    return 0;
  end if;
  perform authz._lock_graph(p_namespace);
  select count(*) into v_before
  from authz.permission_hierarchy h
  where h.namespace = p_namespace
    and h.resource_type = p_resource_type;
  for v_position in 2..cardinality(v_permissions) loop
    perform authz.add_hierarchy(
      p_resource_type, v_permissions[v_position - 1], v_permissions[v_position], p_namespace
    );
  end loop;
  select count(*) into v_after
  from authz.permission_hierarchy h
  where h.namespace = p_namespace
    and h.resource_type = p_resource_type;
  return v_after - v_before;
end
$$;
