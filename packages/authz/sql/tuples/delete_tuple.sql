-- authz.delete_tuple: takes a grant back.
--
-- Takes    as authz.write_tuple; a null and an empty p_subject_relation are the same
-- Returns  whether there was such a grant
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable containers
-- Example  select authz.delete_tuple('doc', '1', 'read', 'team', 'eng', 'member');
create function authz.delete_tuple(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_subject_relation text default null,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_subject_relation text := coalesce(p_subject_relation, '');
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_id(p_subject_id, 'subject_id');
  perform authz._validate_namespace(p_namespace);
  if v_subject_relation <> '' then
    perform authz._validate_identifier(v_subject_relation, 'subject_relation');
  end if;
  perform authz._assert_tenant_set();
  perform authz._warn_tenant(p_namespace);
  perform authz._lock_if_structural(p_resource_type, p_relation, p_subject_type, p_namespace);

  delete from authz.tuples t
  where t.namespace = p_namespace
    and t.resource_type = p_resource_type
    and t.resource_id = normalize(p_resource_id, nfc)
    and t.relation = p_relation
    and t.subject_type = p_subject_type
    and t.subject_id = normalize(p_subject_id, nfc)
    and coalesce(t.subject_relation, '') = v_subject_relation;
  return found;
end
$$;
