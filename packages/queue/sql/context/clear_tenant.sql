-- queue.clear_tenant: ends the tenant; reads find nothing and writes are refused until one is set again.
--
-- Example  select queue.clear_tenant();
create function queue.clear_tenant()
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform set_config('postkit.tenant_id', '', true);
end
$$;
