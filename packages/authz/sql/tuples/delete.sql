-- authz.delete: takes back a grant to a subject itself.
--
-- Takes    as authz.delete_tuple, without p_subject_relation
-- Returns  whether there was such a grant
-- Raises   as authz.delete_tuple
-- Writes   authz.tuples, authz.audit_events · Locks as authz.delete_tuple
-- Example  select authz.delete('repo', 'api', 'admin', 'user', 'alice');
create function authz.delete(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  return authz.delete_tuple(
    p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id, null, p_namespace
  );
end
$$;
