-- queue._validate_limit: refuses a limit that is not from 1 to the most there may be.
--
-- Raises   VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
create function queue._validate_limit(p_value int, p_name text default 'limit', p_max int default 1000)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_positive_int(p_value, p_name);
  if p_value > p_max then
    raise exception '% is %, the most is %', p_name, p_value, p_max
      using errcode = '22023', hint = 'postkit:queue:VAL_LIMIT_TOO_LARGE';
  end if;
end
$$;
