-- postkit._reset_privileges: makes privileges what the recorded grants and the modules as they are now say.
--
-- Dropping a function drops its grants, a new one is open to PUBLIC, and a later version may need less than an
-- earlier one: so everything is taken back first. Roles that no longer exist are passed over.
create or replace function postkit._reset_privileges()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role text;
  v_kind text;
begin
  perform postkit._withdraw('public');
  perform postkit._withdraw(r.rolname)
  from pg_roles r
  where exists (select from postkit.grants g where g.role_name = r.rolname);
  for v_role, v_kind in
    select g.role_name, g.kind
    from postkit.grants g
    join pg_roles r on r.rolname = g.role_name
    order by g.role_name, g.kind
  loop
    perform postkit._apply_grant(v_role, v_kind);
  end loop;
end
$$;
