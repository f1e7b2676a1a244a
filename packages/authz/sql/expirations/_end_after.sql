-- authz._end_after: a point in time that is a positive interval after another, within the calendar.
--
-- Raises   VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
create function authz._end_after(p_start timestamptz, p_length interval, p_field text)
returns timestamptz
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_end timestamptz;
begin
  -- The calendar of PostgreSQL ends in the year 294276.
  if p_length > interval '10000 years' or p_start > timestamptz '280000-01-01' then
    raise exception '% is longer than 10000 years, or goes beyond the calendar', p_field
      using errcode = '22023', hint = 'postkit:authz:VAL_INTERVAL_TOO_LARGE';
  end if;
  if p_length > interval '0' then
    v_end := p_start + p_length;
  end if;
  -- '1 month -30 days' is more than nothing in some months and less in others.
  if v_end is null or v_end <= p_start then
    raise exception '% must be longer than nothing', p_field
      using errcode = '22023', hint = 'postkit:authz:VAL_INTERVAL_NOT_POSITIVE';
  end if;
  return v_end;
end
$$;
