-- queue._assert_config_writable: refuses to change settings outside the tenant, and those for all tenants.
--
-- Takes    p_queue  '' for those of the namespace
--
-- Raises   VAL_CONFIG_INVALID (22023) · BIZ_GLOBAL_PROTECTED (42501) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
create function queue._assert_config_writable(p_namespace text, p_queue text)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_namespace = 'global' and not (queue._rls_bypassed() or queue._is_maintenance()) then
    raise exception 'settings of namespace global are for all tenants: only the owner in maintenance may change them'
      using errcode = '42501', hint = 'postkit:queue:BIZ_GLOBAL_PROTECTED';
  end if;
  if p_namespace = 'global' and p_queue <> '' then
    raise exception 'settings of namespace global are for all queues'
      using errcode = '22023', hint = 'postkit:queue:VAL_CONFIG_INVALID';
  end if;
  perform queue._assert_tenant(p_namespace);
end
$$;
