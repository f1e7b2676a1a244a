-- authz.clear_tenant: ends the tenant; reads find nothing and writes are refused until one is set again.
--
-- Example  select authz.clear_tenant();
create function authz.clear_tenant()
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform set_config('postkit.tenant_id', '', true);
end
$$;
