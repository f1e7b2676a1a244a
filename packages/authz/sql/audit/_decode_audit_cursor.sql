-- authz._decode_audit_cursor: the place that a cursor stands for; null for null.
--
-- Raises   VAL_CURSOR_INVALID (22023)
create function authz._decode_audit_cursor(p_cursor text)
returns authz.audit_position
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_parts json;
  v_position authz.audit_position;
begin
  if p_cursor is null then
    return null;
  end if;
  -- Ours have about 70 characters; a text of any length could be nested deeper than the stack goes.
  if length(p_cursor) > 200 then
    raise invalid_parameter_value;
  end if;
  v_parts := convert_from(
    decode(rpad(translate(p_cursor, '-_', '+/'), (length(p_cursor) + 3) / 4 * 4, '='), 'base64'), 'utf8'
  )::json;
  v_position.event_time := (v_parts ->> 0)::timestamptz;
  v_position.id := (v_parts ->> 1)::bigint;
  if v_position.event_time is null or v_position.id is null then
    raise invalid_parameter_value;
  end if;
  return v_position;
exception
  when data_exception then
    raise exception 'cursor is not one that a page gave'
      using errcode = '22023', hint = 'postkit:authz:VAL_CURSOR_INVALID';
end
$$;
