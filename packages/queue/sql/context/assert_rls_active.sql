-- queue.assert_rls_active: refuses a role that row level security does not bind.
--
-- Raises   BIZ_RLS_NOT_ACTIVE (55000)
-- Example  select queue.assert_rls_active();
create function queue.assert_rls_active()
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if queue._rls_bypassed() then
    raise exception 'role % is a superuser or has BYPASSRLS: tenants are not kept apart', current_user
      using errcode = '55000', hint = 'postkit:queue:BIZ_RLS_NOT_ACTIVE';
  end if;
end
$$;
