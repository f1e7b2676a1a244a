-- authz.set_expiration: gives a grant a new end, whatever its end was; one that is over lives again.
--
-- Takes    p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id  the grant
--          p_expires_at        its end; null or 'infinity' for none
--          p_namespace         tenant; the transaction's by default
--          p_subject_relation  relation on the subject that the grant asks for; null or '' for a grant to itself
-- Returns  whether there is such a grant
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_EXPIRATION_FUTURE (23514) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers, the grant
-- Example  select authz.set_expiration('repo', 'api', 'admin', 'user', 'alice', now() + interval '1 day');
create function authz.set_expiration(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_expires_at timestamptz,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_subject_relation text default null
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_subject_relation text := coalesce(p_subject_relation, '');
  v_expires_at timestamptz := nullif(p_expires_at, 'infinity');
  v_tuple record;
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
  perform authz._assert_tenant(p_namespace);
  perform authz._validate_expiration(v_expires_at);
  perform authz._lock_if_structural(p_resource_type, p_relation, p_subject_type, p_namespace);

  select t.id, t.expires_at
  into v_tuple
  from authz.tuples t
  where t.namespace = p_namespace
    and t.resource_type = p_resource_type
    and t.resource_id = normalize(p_resource_id, nfc)
    and t.relation = p_relation
    and t.subject_type = p_subject_type
    and t.subject_id = normalize(p_subject_id, nfc)
    and coalesce(t.subject_relation, '') = v_subject_relation
  for no key update;
  if not found then
    return false;
  end if;
  update authz.tuples t
  set expires_at = v_expires_at
  where t.namespace = p_namespace
    and t.id = v_tuple.id
    and t.expires_at is distinct from v_expires_at;
  return true;
end
$$;
