-- authz.revoke_resource_grants: takes back every grant on a resource: permissions, members, its own parents.
--
-- What others grant while this runs stays.
--
-- Takes    p_resource_type, p_resource_id  the resource
--          p_namespace                     tenant; the transaction's by default
--          p_relation                      only grants of this relation; all by default
-- Returns  how many grants there were, ended ones included
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers, the grants
-- Example  select authz.revoke_resource_grants('repo', 'api');
create function authz.revoke_resource_grants(
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_relation text default null
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
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_namespace(p_namespace);
  if p_relation is not null then
    perform authz._validate_identifier(p_relation, 'relation');
  end if;
  perform authz._assert_tenant_set();
  perform authz._warn_tenant(p_namespace);

  if p_relation is null then
    select array_agg(t.id),
      array_agg(distinct concat_ws(' ', t.resource_type, t.relation, t.subject_type))
        filter (where t.relation in ('member', 'parent'))
    into v_ids, v_edges
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = p_resource_type
      and t.resource_id = normalize(p_resource_id, nfc);
  else
    select array_agg(t.id),
      array_agg(distinct concat_ws(' ', t.resource_type, t.relation, t.subject_type))
        filter (where t.relation in ('member', 'parent'))
    into v_ids, v_edges
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = p_resource_type
      and t.resource_id = normalize(p_resource_id, nfc)
      and t.relation = p_relation;
  end if;
  perform authz._lock_edges(v_edges, p_namespace);
  return authz._delete_tuples(v_ids, p_namespace, false);
end
$$;
