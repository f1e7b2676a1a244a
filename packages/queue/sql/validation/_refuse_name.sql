-- queue._refuse_name: raises what queue._name_violation found.
--
-- Takes    p_violation  NULL, EMPTY, TOO_LONG, INVALID_CHARS or WHITESPACE
--          p_field      the name of the field in the message
--          p_prefix     the kind the code begins with: VAL_NAMESPACE, VAL_QUEUE, VAL_SCHEDULE_NAME
--          p_max_len    the most characters it may have
-- Raises   <prefix>_NULL (22004) · <prefix>_EMPTY (22026) · <prefix>_TOO_LONG (22001) · <prefix>_INVALID_CHARS (22023)
--          · <prefix>_WHITESPACE (22023)
create function queue._refuse_name(p_violation text, p_field text, p_prefix text, p_max_len int)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  raise exception '%', case p_violation
      when 'NULL' then p_field || ' is null'
      when 'EMPTY' then p_field || ' is empty'
      when 'TOO_LONG' then p_field || ' is longer than ' || p_max_len || ' characters'
      when 'INVALID_CHARS' then p_field || ' contains a control character or a line separator'
      else p_field || ' begins or ends with a space'
    end
    using errcode = case p_violation
        when 'NULL' then '22004'
        when 'EMPTY' then '22026'
        when 'TOO_LONG' then '22001'
        else '22023'
      end,
      hint = 'postkit:queue:' || p_prefix || '_' || p_violation;
end
$$;
