-- authz.clear_expiration: makes a grant one without end; one that is over lives again.
--
-- Takes    as authz.set_expiration, without p_expires_at
-- Returns  whether there is such a grant
-- Raises   as authz.set_expiration, except for what is about p_expires_at
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers, the grant
-- Example  select authz.clear_expiration('repo', 'api', 'admin', 'user', 'alice');
create function authz.clear_expiration(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_subject_relation text default null
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  return authz.set_expiration(
    p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id, null, p_namespace, p_subject_relation
  );
end
$$;
