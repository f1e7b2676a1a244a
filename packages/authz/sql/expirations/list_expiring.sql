-- authz.list_expiring: the live grants that end soon, the next one first.
--
-- Takes    p_within     how soon
--          p_namespace  tenant; the transaction's by default
-- Returns  a row for each grant
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
-- Example  select * from authz.list_expiring(interval '1 day');
create function authz.list_expiring(
  p_within interval default interval '7 days',
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (
  resource_type text,
  resource_id text,
  relation text,
  subject_type text,
  subject_id text,
  subject_relation text,
  expires_at timestamptz
)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_until timestamptz;
begin
  v_until := authz._end_after(now(), p_within, 'within');
  perform authz._assert_readable(p_namespace);
  return query
    select t.resource_type::text, coalesce(t.resource_id_raw, t.resource_id)::text, t.relation::text,
      t.subject_type::text, coalesce(t.subject_id_raw, t.subject_id)::text, t.subject_relation::text, t.expires_at
    from authz.tuples t
    where t.namespace = p_namespace
      and t.expires_at > now()
      and t.expires_at <= v_until
    order by t.expires_at, t.id;
end
$$;
