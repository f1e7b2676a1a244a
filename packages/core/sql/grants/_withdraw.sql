-- postkit._withdraw: takes every privilege on core and the installed modules from a role, or from 'public'.
--
-- And from those to whom the role passed one on: what they shall keep is restored with _restore_privileges.
create or replace function postkit._withdraw(p_grantee text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema text;
  v_grantee text := case when p_grantee = 'public' then p_grantee else quote_ident(p_grantee) end;
begin
  for v_schema in
    select n.nspname
    from pg_namespace n
    where (n.nspname = 'postkit' or n.nspname in (select i.module from postkit._installed_modules() i (module)))
      -- An owner without its own privileges could not go on.
      and pg_get_userbyid(n.nspowner) <> p_grantee
  loop
    execute format('revoke all on all tables in schema %I from %s cascade', v_schema, v_grantee);
    execute format('revoke all on all sequences in schema %I from %s cascade', v_schema, v_grantee);
    execute format('revoke all on all routines in schema %I from %s cascade', v_schema, v_grantee);
    execute format('revoke all on schema %I from %s cascade', v_schema, v_grantee);
  end loop;
end
$$;
