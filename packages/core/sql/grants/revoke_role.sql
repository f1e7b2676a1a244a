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
declare
  v_schema text;
begin
  delete from postkit.grants g where g.role_name = p_role;
  if not found then
    return false;
  end if;
  if exists (select from pg_roles r where r.rolname = p_role) then
    for v_schema in select v.module from postkit.schema_versions v union all select 'postkit' loop
      execute format('revoke all on all tables in schema %I from %I', v_schema, p_role);
      execute format('revoke all on all routines in schema %I from %I', v_schema, p_role);
      execute format('revoke all on schema %I from %I', v_schema, p_role);
    end loop;
  end if;
  return true;
end
$$;
