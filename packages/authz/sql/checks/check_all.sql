-- authz.check_all: whether a subject has every one of some permissions on a resource.
--
-- Takes    p_permissions  at most 1000; all of an empty array, or of null, are held
--          the rest       as authz.check
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_NAMESPACE_NULL (22004)
-- Example  select authz.check_all('user', 'alice', '{read,write}', 'repo', 'api');
create function authz.check_all(
  p_subject_type text,
  p_subject_id text,
  p_permissions text[],
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._validate_batch_size(p_permissions, 'permissions');
  perform authz._assert_readable(p_namespace);
  return coalesce(p_permissions, '{}') <@ authz._permissions(
    p_subject_type, p_subject_id, p_resource_type, p_resource_id, p_namespace
  );
end
$$;
