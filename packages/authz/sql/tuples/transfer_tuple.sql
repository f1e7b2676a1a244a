-- authz.transfer_tuple: takes a grant from one subject and gives it to another, with its expiry.
--
-- Only grants to a subject itself, and live ones. A live grant that the new subject has already keeps its own expiry.
--
-- Takes    p_resource_type, p_resource_id, p_relation    the grant
--          p_from_subject_type, p_from_subject_id        who loses it
--          p_to_subject_type, p_to_subject_id            who gets it; the same subject is left as it is
--          p_namespace                                   tenant; the transaction's by default
-- Returns  whether there was such a grant
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_KEY_TOO_LONG (22001) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
--          · BIZ_SELF_MEMBERSHIP (PK001) · BIZ_CYCLE_GROUP (PK001) · BIZ_SELF_PARENT (PK001)
--          · BIZ_CYCLE_RESOURCE (PK001) · BIZ_ISOLATION_LEVEL (25001)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers and for a new type, the grants of both
-- Example  select authz.transfer_tuple('repo', 'api', 'owner', 'user', 'alice', 'user', 'bob');
create function authz.transfer_tuple(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_from_subject_type text,
  p_from_subject_id text,
  p_to_subject_type text,
  p_to_subject_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_resource_id text;
  v_from_subject_id text;
  v_to_subject_id text;
  v_is_target_first boolean;
  v_from record;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_from_subject_type, 'from_subject_type');
  perform authz._validate_identifier(p_to_subject_type, 'to_subject_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_id(p_from_subject_id, 'from_subject_id');
  perform authz._validate_id(p_to_subject_id, 'to_subject_id');
  perform authz._validate_namespace(p_namespace);
  v_resource_id := normalize(p_resource_id, nfc);
  v_from_subject_id := normalize(p_from_subject_id, nfc);
  v_to_subject_id := normalize(p_to_subject_id, nfc);
  v_is_target_first := (p_to_subject_type collate "C", v_to_subject_id collate "C")
    < (p_from_subject_type collate "C", v_from_subject_id collate "C");
  perform authz._validate_key_size(
    p_namespace, p_resource_type, v_resource_id, p_relation, p_to_subject_type, v_to_subject_id
  );
  perform authz._assert_tenant(p_namespace);
  if p_relation <> 'parent' then
    perform authz._lock_new_types(p_resource_type, array[p_to_subject_type], array[null::text], p_namespace);
  end if;
  perform authz._lock_edges(
    array[
      concat_ws(' ', p_resource_type, p_relation, p_from_subject_type),
      concat_ws(' ', p_resource_type, p_relation, p_to_subject_type)
    ],
    p_namespace
  );

  -- The two are touched in the order of their keys, as by every call that changes many. Where that writes the new one
  -- first, it is undone and tried again when the old one changed meanwhile; three lost races are a conflict.
  for v_round in 1..3 loop
    select t.id, t.expires_at
    into v_from
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = p_resource_type
      and t.resource_id = v_resource_id
      and t.relation = p_relation
      and t.subject_type = p_from_subject_type
      and t.subject_id = v_from_subject_id
      and coalesce(t.subject_relation, '') = ''
      and (t.expires_at is null or t.expires_at > now());
    if not found then
      return false;
    end if;
    if p_from_subject_type = p_to_subject_type and v_from_subject_id = v_to_subject_id then
      return true;
    end if;
    perform authz._assert_not_self(p_resource_type, v_resource_id, p_relation, p_to_subject_type, v_to_subject_id);
    begin
      if v_is_target_first then
        perform authz.write_tuple(
          p_resource_type, p_resource_id, p_relation, p_to_subject_type, p_to_subject_id, null, p_namespace,
          v_from.expires_at
        );
      end if;
      delete from authz.tuples t
      where t.namespace = p_namespace
        and t.id = v_from.id
        and t.expires_at is not distinct from v_from.expires_at
      returning t.id into strict v_from.id;
      if not v_is_target_first then
        perform authz.write_tuple(
          p_resource_type, p_resource_id, p_relation, p_to_subject_type, p_to_subject_id, null, p_namespace,
          v_from.expires_at
        );
      end if;
      return true;
    exception
      when no_data_found then
        null;
    end;
  end loop;
  raise exception 'the grant changed under three attempts to transfer it: try again' using errcode = '40001';
end
$$;
