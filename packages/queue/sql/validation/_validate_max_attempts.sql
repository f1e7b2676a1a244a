-- queue._validate_max_attempts: refuses a number of attempts that is not from 1 to 30; null stands for the setting.
--
-- Raises   VAL_MAX_ATTEMPTS_RANGE (22023)
create function queue._validate_max_attempts(p_max_attempts int)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_max_attempts not between 1 and 30 then
    raise exception 'max_attempts is %, it must be from 1 to 30', p_max_attempts
      using errcode = '22023', hint = 'postkit:queue:VAL_MAX_ATTEMPTS_RANGE';
  end if;
end
$$;
