-- authz.leave_external_resource: gives up what another tenant granted to the viewer.
--
-- Takes back one grant to the viewer itself, as authz.list_external_resources shows it, and nothing else of that
-- tenant, in whose audit the change is written with the actor of this transaction.
--
-- Takes    p_resource_type, p_resource_id  what the grant is on
--          p_relation                      the permission that was granted, not one that it implies
--          p_subject_type, p_subject_id    the viewer, as in authz.set_viewer
--          p_owner_namespace               the tenant that granted
--          p_namespace                     tenant; the transaction's by default
-- Returns  whether there was such a grant in another namespace
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501) · BIZ_VIEWER_NOT_SET (42501)
--          · BIZ_VIEWER_MISMATCH (42501)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable containers
-- Example  select authz.leave_external_resource('doc', '1', 'read', 'user', 'alice', 'globex');
create function authz.leave_external_resource(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_owner_namespace text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_tenant text := current_setting('postkit.tenant_id', true);
  v_left boolean;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_id(p_subject_id, 'subject_id');
  perform authz._validate_id(p_owner_namespace, 'owner_namespace', 'VAL_NAMESPACE');
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_tenant_set();
  perform authz._assert_viewer(p_subject_type, p_subject_id);
  perform authz._warn_tenant(p_namespace);
  if p_owner_namespace = p_namespace or not authz._is_tenant(p_namespace) then
    return false;
  end if;

  -- The grant is locked, deleted and recorded as the tenant's that made it. An error takes this setting back, too.
  perform set_config('postkit.tenant_id', p_owner_namespace, true);
  v_left := authz.delete_tuple(
    p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id, null, p_owner_namespace
  );
  perform set_config('postkit.tenant_id', v_tenant, true);
  return v_left;
end
$$;
