-- queue._validate_interval_size: refuses an interval that would lead out of the calendar.
--
-- Raises   VAL_INTERVAL_TOO_LARGE (22023)
create function queue._validate_interval_size(p_value interval, p_name text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_value > interval '1000 years' or p_value < interval '-1000 years' then
    raise exception '% is longer than 1000 years', p_name
      using errcode = '22023', hint = 'postkit:queue:VAL_INTERVAL_TOO_LARGE';
  end if;
end
$$;
