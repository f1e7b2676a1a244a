-- authz.extend_expiration: moves the end of a grant; one that is over is extended from now.
--
-- Calls at the same time add up. Days and months are those of the session's time zone.
--
-- Takes    p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id  the grant
--          p_extension         by how much
--          p_namespace         tenant; the transaction's by default
--          p_subject_relation  relation on the subject that the grant asks for; null or '' for a grant to itself
-- Returns  the new end
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023) · BIZ_TENANT_NOT_SET (42501)
--          · BIZ_TENANT_MISMATCH (42501) · DATA_GRANT_NOT_FOUND (P0002) · BIZ_GRANT_NO_EXPIRATION (22023)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers, the grant
-- Example  select authz.extend_expiration('repo', 'api', 'admin', 'user', 'alice', interval '30 days');
create function authz.extend_expiration(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_extension interval,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_subject_relation text default null
)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_subject_relation text := coalesce(p_subject_relation, '');
  v_expires_at timestamptz;
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
  perform authz._end_after(now(), p_extension, 'extension');
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
    raise exception 'there is no such grant to extend'
      using errcode = 'P0002', hint = 'postkit:authz:DATA_GRANT_NOT_FOUND';
  end if;
  if v_tuple.expires_at is null or v_tuple.expires_at = 'infinity' then
    raise exception 'this grant has no end that could be moved'
      using errcode = '22023', hint = 'postkit:authz:BIZ_GRANT_NO_EXPIRATION';
  end if;
  v_expires_at := authz._end_after(greatest(v_tuple.expires_at, now()), p_extension, 'extension');
  update authz.tuples t
  set expires_at = v_expires_at
  where t.namespace = p_namespace
    and t.id = v_tuple.id;
  return v_expires_at;
end
$$;
