-- authz.cleanup_expired: deletes the grants that are over, which give nothing to anybody any more.
--
-- Nothing depends on it but the size of the table.
--
-- Takes    p_namespace  tenant; the transaction's by default
-- Returns  how many there were
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers, the grants
-- Example  select tuples_deleted from authz.cleanup_expired();
create function authz.cleanup_expired(
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (tuples_deleted bigint)
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_ids bigint[];
  v_edges text[];
begin
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_tenant_set();
  perform authz._warn_tenant(p_namespace);

  select array_agg(t.id),
    array_agg(distinct concat_ws(' ', t.resource_type, t.relation, t.subject_type))
      filter (where t.relation in ('member', 'parent'))
  into v_ids, v_edges
  from authz.tuples t
  where t.namespace = p_namespace
    and t.expires_at <= now();
  perform authz._lock_edges(v_edges, p_namespace);
  tuples_deleted := authz._delete_tuples(v_ids, p_namespace, true);
  return next;
end
$$;
