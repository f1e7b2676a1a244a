-- queue._assert_tenant_set: refuses a write without any tenant, by a role that row level security binds.
--
-- Raises   BIZ_TENANT_NOT_SET (42501)
create function queue._assert_tenant_set()
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if coalesce(current_setting('postkit.tenant_id', true), '') = '' and not queue._rls_bypassed() then
    raise exception 'no tenant is set: call queue.set_tenant first'
      using errcode = '42501', hint = 'postkit:queue:BIZ_TENANT_NOT_SET';
  end if;
end
$$;
