-- authz.add_hierarchy: makes one permission imply another on a type of resource.
--
-- Takes    p_resource_type  the type it holds for
--          p_permission     who has this …
--          p_implies        … has this as well
--          p_namespace      tenant; the transaction's by default
-- Returns  the rule's id, the existing one on a repeat
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026)
--          · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · BIZ_TENANT_NOT_SET (42501)
--          · BIZ_TENANT_MISMATCH (42501) · BIZ_GLOBAL_PROTECTED (42501) · BIZ_CYCLE_SELF (PK001)
--          · BIZ_CYCLE_HIERARCHY (PK001)
-- Writes   authz.permission_hierarchy, authz.audit_events · Locks authz.graph_state
-- Example  select authz.add_hierarchy('repo', 'admin', 'write');
create function authz.add_hierarchy(
  p_resource_type text,
  p_permission text,
  p_implies text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_rule_id bigint;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_permission, 'permission');
  perform authz._validate_identifier(p_implies, 'implies');
  perform authz._validate_namespace(p_namespace);
  perform authz._validate_key_size(p_namespace, p_resource_type, p_permission, p_implies);
  perform authz._assert_tenant(p_namespace);
  perform authz._assert_not_global(p_namespace);
  if p_permission = p_implies then
    raise exception 'a permission cannot imply itself: that is a cycle'
      using errcode = 'PK001', hint = 'postkit:authz:BIZ_CYCLE_SELF';
  end if;
  perform authz._lock_graph(p_namespace);
  if authz._implies(p_resource_type, p_implies, p_permission, p_namespace) then
    raise exception 'this rule would close a cycle of permissions'
      using errcode = 'PK001', hint = 'postkit:authz:BIZ_CYCLE_HIERARCHY';
  end if;

  insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
  values (p_namespace, p_resource_type, p_permission, p_implies)
  on conflict (namespace, resource_type, permission, implies) do nothing
  returning id into v_rule_id;
  if v_rule_id is null then
    select h.id
    into v_rule_id
    from authz.permission_hierarchy h
    where h.namespace = p_namespace
      and h.resource_type = p_resource_type
      and h.permission = p_permission
      and h.implies = p_implies;
  end if;
  return v_rule_id;
end
$$;
