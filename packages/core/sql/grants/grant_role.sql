-- postkit.grant_role: lets a role use the installed modules, now and after every later migration.
--
-- Takes    p_role  an existing role
--          p_kind  'app' for the application, 'worker' or 'maintenance' for those functions as well
-- Raises   VAL_GRANT_KIND (22023) · BIZ_ROLE_UNKNOWN (42704)
-- Writes   postkit.grants
-- Example  select postkit.grant_role('my_app');
create or replace function postkit.grant_role(p_role text, p_kind text default 'app')
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_kind is null or p_kind not in ('app', 'worker', 'maintenance') then
    raise exception 'kind must be app, worker or maintenance, not %', coalesce(quote_literal(p_kind), 'null')
      using errcode = '22023', hint = 'postkit:core:VAL_GRANT_KIND';
  end if;
  if p_role is null or not exists (select from pg_roles r where r.rolname = p_role) then
    raise exception 'role % does not exist', coalesce(quote_literal(p_role), 'null')
      using errcode = '42704', hint = 'postkit:core:BIZ_ROLE_UNKNOWN';
  end if;
  insert into postkit.grants (role_name, kind) values (p_role, p_kind) on conflict do nothing;
  perform postkit._apply_grant(p_role, p_kind);
end
$$;
