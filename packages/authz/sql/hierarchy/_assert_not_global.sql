-- authz._assert_not_global: keeps the rules that hold for every tenant from any tenant's hands.
--
-- A role that bypasses row level security may write them, and the owner while postkit.maintenance is 'on'.
--
-- Raises   BIZ_GLOBAL_PROTECTED (42501)
create function authz._assert_not_global(p_namespace text)
returns void
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_namespace <> 'global' or authz._rls_bypassed() or authz._is_maintenance() then
    return;
  end if;
  raise exception 'rules of namespace global hold for every tenant and are not a tenant''s to change'
    using errcode = '42501', hint = 'postkit:authz:BIZ_GLOBAL_PROTECTED';
end
$$;
