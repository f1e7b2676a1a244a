-- postkit.revoke_role: takes back all that grant_role gave a role, and forgets it.
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
begin
  delete from postkit.grants g where g.role_name = p_role;
  if not found then
    return false;
  end if;
  if exists (select from pg_roles r where r.rolname = p_role) then
    perform postkit._withdraw(p_role);
  end if;
  return true;
end
$$;
