-- queue._is_tenant: whether rows of a namespace are within reach: it is the tenant, or row level security is off, as for
-- the owner while postkit.maintenance is 'on'.
create function queue._is_tenant(p_namespace text)
returns boolean
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return current_setting('postkit.tenant_id', true) is not distinct from p_namespace
    or queue._rls_bypassed()
    or queue._is_maintenance();
end
$$;
