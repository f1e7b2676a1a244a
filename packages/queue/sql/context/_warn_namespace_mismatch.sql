-- queue._warn_namespace_mismatch: tells why a read outside the tenant finds nothing.
create function queue._warn_namespace_mismatch(p_namespace text)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_tenant text := nullif(current_setting('postkit.tenant_id', true), '');
begin
  if v_tenant = p_namespace then
    return;
  end if;
  if v_tenant is not null then
    raise warning 'namespace is not the tenant of this transaction: nothing of it is visible';
  elsif not queue._rls_bypassed() then
    raise warning 'no tenant is set: nothing is visible';
  end if;
end
$$;
