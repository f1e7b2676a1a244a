-- queue._validate_schedule_interval: refuses an interval that is not positive, or longer than the calendar.
--
-- A part below 0 would let it lead forward from some dates and nowhere from others: '-1 month 31 days'.
--
-- Raises   VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
create function queue._validate_schedule_interval(p_value interval)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_months int := extract(year from p_value) * 12 + extract(month from p_value);
  v_days int := extract(day from p_value);
begin
  if p_value <= interval '0'
    or v_months < 0
    or v_days < 0
    or p_value - make_interval(months => v_months, days => v_days) < interval '0'
  then
    raise exception 'every_interval must be longer than nothing'
      using errcode = '22023', hint = 'postkit:queue:VAL_INTERVAL_NOT_POSITIVE';
  end if;
  perform queue._validate_interval_size(p_value, 'every_interval');
end
$$;
