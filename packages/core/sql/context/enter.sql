-- postkit.enter: sets the context of a call for the rest of the transaction.
--
-- Stands in the place of a call's p_namespace argument, so that context and call are one statement.
--
-- Takes    p_namespace  the tenant
--          p_settings   further settings by their name after 'postkit.'; null clears one
-- Returns  p_namespace
-- Raises   VAL_SETTING_NAME (22023)
-- Example  select authz.write('doc', '1', 'read', 'user', 'a',
--            p_namespace => postkit.enter('acme', '{"actor_id": "user:admin"}'));
create or replace function postkit.enter(p_namespace text, p_settings jsonb default '{}')
returns text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_value text;
begin
  for v_name, v_value in select s.key, s.value from jsonb_each_text(p_settings) s loop
    if v_name !~ '^[a-z][a-z0-9_]*$' or v_name in ('tenant_id', 'maintenance') then
      raise exception 'setting name % is not one that a call may set', quote_literal(v_name)
        using errcode = '22023', hint = 'postkit:core:VAL_SETTING_NAME';
    end if;
    perform set_config('postkit.' || v_name, coalesce(v_value, ''), true);
  end loop;
  perform set_config('postkit.tenant_id', p_namespace, true);
  return p_namespace;
end
$$;
