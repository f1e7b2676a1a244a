-- postkit.revoke_role: takes all that a role may do on core and the modules from it, and forgets it.
--
-- Others keep what that role passed on to them.
--
-- Takes    p_role  the role's name; one that was dropped is only forgotten
-- Returns  whether the role was recorded
-- Writes   postkit.grants
-- Example  select postkit.revoke_role('my_app');
create or replace function postkit.revoke_role(p_role text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_by_hand jsonb;
begin
  delete from postkit.grants g where g.role_name = p_role;
  if not found then
    return false;
  end if;
  if exists (select from pg_roles r where r.rolname = p_role) then
    v_by_hand := postkit._save_privileges();
    perform postkit._withdraw(p_role);
    perform postkit._restore_privileges((
      select jsonb_agg(g.privilege)
      from jsonb_array_elements(v_by_hand) g (privilege)
      where g.privilege ->> 'grantee' <> p_role
    ));
  end if;
  return true;
end
$$;
