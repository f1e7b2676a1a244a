-- authz.list_subject_grants: what was granted to a subject itself, by resource.
--
-- Nothing that it has through groups, containers or rules. Memberships and containments are grants as well, and so is
-- what was granted to the holders of a relation on the subject.
--
-- Takes    p_subject_type, p_subject_id  the subject
--          p_namespace                   tenant; the transaction's by default
--          p_resource_type               only grants on resources of this type
--          p_limit                       grants on the page, 1 to 1000; all by default
--          p_cursor_resource_type, p_cursor_resource_id, p_cursor_relation, p_cursor_subject_relation
--                                        the last grant of the page before
-- Returns  one row a grant that has not ended, ordered by its first four columns byte by byte, where ids compare in
--          Unicode form NFC; ids as they were sent
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
-- Example  select * from authz.list_subject_grants('user', 'alice', p_resource_type => 'repo');
create function authz.list_subject_grants(
  p_subject_type text,
  p_subject_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_resource_type text default null,
  p_limit int default null,
  p_cursor_resource_type text default null,
  p_cursor_resource_id text default null,
  p_cursor_relation text default null,
  p_cursor_subject_relation text default null
)
returns table (
  resource_type text,
  resource_id text,
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
    t.resource_type::text,
    coalesce(t.resource_id_raw, t.resource_id)::text,
    t.relation::text,
    t.subject_relation::text,
    t.expires_at
  from authz.tuples t
  where t.namespace = p_namespace
    and t.subject_type = p_subject_type
    and t.subject_id = normalize(p_subject_id, nfc)
    and t.resource_type between coalesce(p_resource_type, '') and coalesce(p_resource_type, '~')
    and (t.resource_type, t.resource_id, t.relation, coalesce(t.subject_relation, '')) > (
      coalesce(p_cursor_resource_type, ''), normalize(coalesce(p_cursor_resource_id, ''), nfc),
      coalesce(p_cursor_relation, ''), coalesce(p_cursor_subject_relation, '')
    )
    and (t.expires_at is null or t.expires_at > now())
  order by t.resource_type, t.resource_id, t.relation, coalesce(t.subject_relation, '')
  limit p_limit;
end
$$;
