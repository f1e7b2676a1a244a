-- authz._validate_elements: refuses an array in which something cannot be an id, or an identifier.
--
-- Takes    p_values  the array
--          p_field   its name in the message, as in 'subject_ids[2] is empty'
--          p_kind    'id', 'identifier', or 'relation' for an identifier that may be null or empty
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023)
create function authz._validate_elements(p_values text[], p_field text, p_kind text)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_value text;
  v_position int := 0;
begin
  perform authz._validate_batch_size(p_values, p_field);
  if p_values is null then
    return;
  end if;
  begin
    foreach v_value in array p_values loop
      v_position := v_position + 1;
      if p_kind = 'id' then
        perform authz._validate_id(v_value, format('%s[%s]', p_field, v_position));
      elsif p_kind = 'identifier' or v_value <> '' then
        perform authz._validate_identifier(v_value, format('%s[%s]', p_field, v_position));
      end if;
    end loop;
  exception
    when data_exception then
      raise exception '%', sqlerrm
        using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
  end;
end
$$;
