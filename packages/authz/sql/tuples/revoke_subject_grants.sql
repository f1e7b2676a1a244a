-- authz.revoke_subject_grants: takes back every grant to a subject: permissions, memberships, what it is the parent of.
--
-- Grants to those who hold a relation on the subject are its grants as well. What others grant while this runs stays.
--
-- Takes    p_subject_type, p_subject_id  the subject
--          p_namespace                   tenant; the transaction's by default
--          p_resource_type               only grants on resources of this type; all by default
-- Returns  how many grants there were, ended ones included
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers, the grants
-- Example  select authz.revoke_subject_grants('user', 'alice');
create function authz.revoke_subject_grants(
  p_subject_type text,
  p_subject_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_resource_type text default null
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_ids bigint[];
  v_edges text[];
begin
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_id(p_subject_id, 'subject_id');
  perform authz._validate_namespace(p_namespace);
  if p_resource_type is not null then
    perform authz._validate_identifier(p_resource_type, 'resource_type');
  end if;
  perform authz._assert_tenant_set();
  perform authz._warn_tenant(p_namespace);

  if p_resource_type is null then
    select array_agg(t.id),
      array_agg(distinct concat_ws(' ', t.resource_type, t.relation, t.subject_type))
        filter (where t.relation in ('member', 'parent'))
    into v_ids, v_edges
    from authz.tuples t
    where t.namespace = p_namespace
      and t.subject_type = p_subject_type
      and t.subject_id = normalize(p_subject_id, nfc);
  else
    select array_agg(t.id),
      array_agg(distinct concat_ws(' ', t.resource_type, t.relation, t.subject_type))
        filter (where t.relation in ('member', 'parent'))
    into v_ids, v_edges
    from authz.tuples t
    where t.namespace = p_namespace
      and t.subject_type = p_subject_type
      and t.subject_id = normalize(p_subject_id, nfc)
      and t.resource_type = p_resource_type;
  end if;
  perform authz._lock_edges(v_edges, p_namespace);
  return authz._delete_tuples(v_ids, p_namespace, false);
end
$$;
