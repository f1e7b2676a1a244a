-- postkit.reapply_grants: applies every recorded grant again, since dropping a function drops its grants.
--
-- Roles that no longer exist are passed over.
create or replace function postkit.reapply_grants()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role text;
  v_kind text;
begin
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
