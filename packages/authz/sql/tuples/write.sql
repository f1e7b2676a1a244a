-- authz.write: grants a relation on a resource to a subject itself.
--
-- Takes    as authz.write_tuple, without p_subject_relation
-- Returns  the tuple's id, the existing one on a repeat
-- Raises   as authz.write_tuple
-- Writes   authz.tuples, authz.audit_events · Locks as authz.write_tuple
-- Example  select authz.write('repo', 'api', 'admin', 'user', 'alice');
create function authz.write(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_expires_at timestamptz default null
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  return authz.write_tuple(
    p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id, null, p_namespace, p_expires_at
  );
end
$$;
