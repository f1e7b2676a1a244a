-- postkit.enter: sets the context of a call for the rest of the transaction.
--
-- Stands in the place of a call's p_namespace argument, so that context and call are one statement. Settings that an
-- earlier call of the transaction entered and this one does not name are cleared; those set in another way stay.
--
-- Takes    p_namespace  the tenant
--          p_settings   further settings, an object of text by their name after 'postkit.'
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
  v_entered text := coalesce(current_setting('postkit.entered', true), '');
  v_name text;
  v_value text;
begin
  if v_entered <> '' or p_settings <> '{}' then
    foreach v_name in array string_to_array(v_entered, ',') loop
      perform set_config('postkit.' || v_name, '', true);
    end loop;
    v_entered := '';
    for v_name, v_value in select s.key, s.value from jsonb_each_text(p_settings) s loop
      if v_name !~ '^[a-z][a-z0-9_]*$' or v_name in ('tenant_id', 'maintenance', 'entered') then
        raise exception 'setting name % is not one that a call may set', quote_literal(v_name)
          using errcode = '22023', hint = 'postkit:core:VAL_SETTING_NAME';
      end if;
      perform set_config('postkit.' || v_name, coalesce(v_value, ''), true);
      v_entered := concat_ws(',', nullif(v_entered, ''), v_name);
    end loop;
    perform set_config('postkit.entered', v_entered, true);
  end if;
  perform set_config('postkit.tenant_id', p_namespace, true);
  return p_namespace;
end
$$;
