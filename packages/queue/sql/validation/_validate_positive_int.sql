-- queue._validate_positive_int: refuses a number that is null or below 1.
--
-- Raises   VAL_NOT_POSITIVE (22023)
create function queue._validate_positive_int(p_value int, p_name text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_value is null or p_value <= 0 then
    raise exception '% must be at least 1', p_name
      using errcode = '22023', hint = 'postkit:queue:VAL_NOT_POSITIVE';
  end if;
end
$$;
