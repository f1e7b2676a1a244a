-- authz.clear_hierarchy: takes back every rule of the tenant for a type of resource.
--
-- Takes    p_resource_type  the type
--          p_namespace      tenant; the transaction's by default
-- Returns  how many rules there were
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026)
--          · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
-- Writes   authz.permission_hierarchy, authz.audit_events · Locks authz.graph_state
-- Example  select authz.clear_hierarchy('repo');
create function authz.clear_hierarchy(
  p_resource_type text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_count int;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_tenant_set();
  perform authz._warn_tenant(p_namespace);
  perform authz._lock_graph(p_namespace);

  delete from authz.permission_hierarchy h
  where h.namespace = p_namespace
    and h.resource_type = p_resource_type;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
