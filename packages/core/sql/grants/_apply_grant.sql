-- postkit._apply_grant: gives a role what its kind needs in core and in every installed module.
--
-- Every kind has what an application has. A module tells what a kind needs in its own function _grant(role, kind).
create or replace function postkit._apply_grant(p_role text, p_kind text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_module text;
begin
  execute format('grant usage on schema postkit to %I', p_role);
  execute format('grant select on all tables in schema postkit to %I', p_role);
  execute format('grant execute on function postkit.enter(text, jsonb) to %I', p_role);
  for v_module in select i.module from postkit._installed_modules() i (module) loop
    if to_regprocedure(format('%I._grant(text, text)', v_module)) is not null then
      execute format('select %I._grant($1, ''app'')', v_module) using p_role;
      if p_kind <> 'app' then
        execute format('select %I._grant($1, $2)', v_module) using p_role, p_kind;
      end if;
    end if;
  end loop;
end
$$;
