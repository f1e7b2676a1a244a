-- queue._name_violation: what is wrong with a name, as the end of its code; null when nothing is.
--
-- Takes    p_max_len  the most characters it may have
-- Returns  NULL, EMPTY, TOO_LONG, INVALID_CHARS or WHITESPACE
create function queue._name_violation(p_value text, p_max_len int)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
begin
  return case
    when p_value is null then 'NULL'
    when btrim(p_value) = '' then 'EMPTY'
    when length(p_value) > p_max_len then 'TOO_LONG'
    when p_value collate "C" ~ '[\u0001-\u001f\u007f\u0085\u2028\u2029]' then 'INVALID_CHARS'
    when p_value <> btrim(p_value) then 'WHITESPACE'
  end;
end
$$;
