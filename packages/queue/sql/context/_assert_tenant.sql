-- queue._assert_tenant: refuses a new row outside the tenant, before a policy would do so without saying why.
--
-- Raises   BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
create function queue._assert_tenant(p_namespace text)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if queue._is_tenant(p_namespace) then
    return;
  end if;
  perform queue._assert_tenant_set();
  raise exception 'namespace is not the tenant of this transaction'
    using errcode = '42501', hint = 'postkit:queue:BIZ_TENANT_MISMATCH';
end
$$;
