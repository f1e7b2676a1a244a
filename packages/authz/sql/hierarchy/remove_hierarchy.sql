-- authz.remove_hierarchy: takes a rule back.
--
-- Takes    as authz.add_hierarchy
-- Returns  whether there was such a rule
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026)
--          · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
-- Writes   authz.permission_hierarchy, authz.audit_events · Locks authz.graph_state
-- Example  select authz.remove_hierarchy('repo', 'admin', 'write');
create function authz.remove_hierarchy(
  p_resource_type text,
  p_permission text,
  p_implies text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_permission, 'permission');
  perform authz._validate_identifier(p_implies, 'implies');
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_tenant_set();
  perform authz._warn_tenant(p_namespace);
  perform authz._lock_graph(p_namespace);

  delete from authz.permission_hierarchy h
  where h.namespace = p_namespace
    and h.resource_type = p_resource_type
    and h.permission = p_permission
    and h.implies = p_implies;
  return found;
end
$$;
