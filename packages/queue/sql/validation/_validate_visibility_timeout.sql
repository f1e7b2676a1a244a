-- queue._validate_visibility_timeout: refuses a time-out that is not positive; null stands for the setting.
--
-- Raises   VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
create function queue._validate_visibility_timeout(p_value interval)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_value <= interval '0' then
    raise exception 'visibility_timeout must be longer than nothing'
      using errcode = '22023', hint = 'postkit:queue:VAL_INTERVAL_NOT_POSITIVE';
  end if;
  perform queue._validate_interval_size(p_value, 'visibility_timeout');
end
$$;
