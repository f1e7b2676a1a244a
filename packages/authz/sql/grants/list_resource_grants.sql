-- authz.list_resource_grants: what was granted on a resource itself, by subject.
--
-- Nothing that comes from containers or rules, and not the containers it is in: what authz.sync_grants keeps equal to a
-- list.
--
-- Takes    p_resource_type, p_resource_id  the resource
--          p_namespace                     tenant; the transaction's by default
--          p_limit                         grants on the page, 1 to 1000; all by default
--          p_cursor_subject_type, p_cursor_subject_id, p_cursor_relation, p_cursor_subject_relation
--                                          the last grant of the page before
-- Returns  one row a grant that has not ended, ordered by its first four columns byte by byte, where ids compare in
--          Unicode form NFC; ids as they were sent
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
-- Example  select * from authz.list_resource_grants('repo', 'api');
create function authz.list_resource_grants(
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_limit int default null,
  p_cursor_subject_type text default null,
  p_cursor_subject_id text default null,
  p_cursor_relation text default null,
  p_cursor_subject_relation text default null
)
returns table (
  subject_type text,
  subject_id text,
  relation text,
  subject_relation text,
  expires_at timestamptz
)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_limit is not null then
    perform authz._validate_limit(p_limit);
  end if;
  perform authz._assert_readable(p_namespace);
  return query
  select
    t.subject_type::text,
    coalesce(t.subject_id_raw, t.subject_id)::text,
    t.relation::text,
    t.subject_relation::text,
    t.expires_at
  from authz.tuples t
  where t.namespace = p_namespace
    and t.resource_type = p_resource_type
    and t.resource_id = normalize(p_resource_id, nfc)
    and t.relation <> 'parent'
    and (t.subject_type, t.subject_id, t.relation, coalesce(t.subject_relation, '')) > (
      coalesce(p_cursor_subject_type, ''), normalize(coalesce(p_cursor_subject_id, ''), nfc),
      coalesce(p_cursor_relation, ''), coalesce(p_cursor_subject_relation, '')
    )
    and (t.expires_at is null or t.expires_at > now())
  order by t.subject_type, t.subject_id, t.relation, coalesce(t.subject_relation, '')
  limit p_limit;
end
$$;
