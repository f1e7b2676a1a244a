-- authz.list_permissions: every permission that a subject has on a resource.
--
-- What authz.check would answer yes to: granted to it or to a group it is in, on the resource or on a container around
-- it, and all that these imply on the resource's type.
--
-- Takes    as authz.check
-- Returns  one row a permission, in byte order
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.list_permissions('user', 'alice', 'repo', 'api');
create function authz.list_permissions(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (permission text)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._assert_readable(p_namespace);
  return query
  select p.permission
  from unnest(authz._permissions(
    p_subject_type, p_subject_id, p_resource_type, p_resource_id, p_namespace
  )) p (permission)
  order by p.permission collate "C";
end
$$;
