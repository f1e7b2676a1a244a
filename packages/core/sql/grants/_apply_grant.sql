-- postkit._apply_grant: gives a role what its kind needs in core and in every installed module.
--
-- A module tells what that is in its own function _grant(role, kind).
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
  for v_module in select v.module from postkit.schema_versions v order by v.module loop
    execute format('select %I._grant($1, $2)', v_module) using p_role, p_kind;
  end loop;
end
$$;
