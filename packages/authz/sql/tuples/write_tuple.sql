-- authz.write_tuple: grants a relation on a resource to a subject, or to the holders of a relation on it.
--
-- Granting again keeps the stored expiry of a live grant, and revives an expired one with the new expiry.
--
-- Takes    p_resource_type, p_resource_id  what the grant is on
--          p_relation                      the permission; 'member' nests groups, 'parent' nests resources
--          p_subject_type, p_subject_id    who gets it
--          p_subject_relation              only those who hold this relation on the subject; null or '' for itself
--          p_namespace                     tenant; the transaction's by default
--          p_expires_at                    end of the grant; none by default, as with 'infinity'
-- Returns  the tuple's id, the existing one on a repeat
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_EXPIRATION_FUTURE (23514)
--          · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501) · BIZ_SELF_MEMBERSHIP (PK001)
--          · BIZ_CYCLE_GROUP (PK001) · BIZ_SELF_PARENT (PK001) · BIZ_CYCLE_RESOURCE (PK001)
--          · BIZ_ISOLATION_LEVEL (25001)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable containers
-- Example  select authz.write_tuple('doc', '1', 'read', 'team', 'eng', 'member');
create function authz.write_tuple(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_subject_relation text default null,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_expires_at timestamptz default null
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_subject_relation text := nullif(p_subject_relation, '');
  v_resource_id text;
  v_subject_id text;
  v_tuple_id bigint;
  v_stored_expires_at timestamptz;
  v_expires_at timestamptz := nullif(p_expires_at, 'infinity');
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_id(p_subject_id, 'subject_id');
  perform authz._validate_namespace(p_namespace);
  if v_subject_relation is not null then
    perform authz._validate_identifier(v_subject_relation, 'subject_relation');
  end if;
  v_resource_id := normalize(p_resource_id, nfc);
  v_subject_id := normalize(p_subject_id, nfc);
  perform authz._validate_key_size(
    p_namespace, p_resource_type, v_resource_id, p_relation, p_subject_type, v_subject_id, v_subject_relation
  );
  perform authz._assert_tenant(p_namespace);
  perform authz._assert_not_self(p_resource_type, v_resource_id, p_relation, p_subject_type, v_subject_id);
  perform authz._lock_new_edge(p_resource_type, v_resource_id, p_relation, p_subject_type, v_subject_id, p_namespace);

  -- A grant that is deleted between the insert and the read is tried again; three lost races are a conflict.
  for v_round in 1..3 loop
    insert into authz.tuples (
      namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation,
      resource_id_raw, subject_id_raw, expires_at
    )
    values (
      p_namespace, p_resource_type, v_resource_id, p_relation, p_subject_type, v_subject_id, v_subject_relation,
      nullif(p_resource_id, v_resource_id), nullif(p_subject_id, v_subject_id), v_expires_at
    )
    on conflict (
      namespace, resource_type, resource_id, relation, subject_type, subject_id, coalesce(subject_relation, '')
    ) do nothing
    returning id into v_tuple_id;
    if v_tuple_id is not null then
      perform authz._validate_expiration(v_expires_at);
      return v_tuple_id;
    end if;

    select t.id, t.expires_at
    into v_tuple_id, v_stored_expires_at
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = p_resource_type
      and t.resource_id = v_resource_id
      and t.relation = p_relation
      and t.subject_type = p_subject_type
      and t.subject_id = v_subject_id
      and coalesce(t.subject_relation, '') = coalesce(v_subject_relation, '')
    for key share;
    if v_tuple_id is not null and (v_stored_expires_at is null or v_stored_expires_at > now()) then
      return v_tuple_id;
    end if;
    if v_tuple_id is not null then
      perform authz._validate_expiration(v_expires_at);
      update authz.tuples t
      set expires_at = v_expires_at
      where t.namespace = p_namespace
        and t.id = v_tuple_id
        and t.expires_at <= now();
      return v_tuple_id;
    end if;
  end loop;
  raise exception 'the grant changed under three attempts to write it: try again' using errcode = '40001';
end
$$;
