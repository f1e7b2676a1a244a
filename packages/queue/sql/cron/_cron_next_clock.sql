-- queue._cron_next_clock: the first minute after p_after that a cron expression selects, on a clock that runs evenly.
--
-- Returns  the minute; null when no date is ever selected
create function queue._cron_next_clock(p_fields queue.cron_fields, p_after timestamp)
returns timestamp
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_from timestamp := date_trunc('minute', p_after) + interval '1 minute';
  v_today date := v_from;
  v_date date := queue._cron_next_date(p_fields, v_today);
  v_hour int := extract(hour from v_from);
  v_minute int := extract(minute from v_from);
  v_position int;
begin
  if v_date = v_today then
    if get_bit(p_fields.hours, v_hour) = 1 then
      v_position := position(B'1' in substring(p_fields.minutes from v_minute + 1));
      if v_position > 0 then
        return v_from + make_interval(mins => v_position - 1);
      end if;
    end if;
    v_position := position(B'1' in substring(p_fields.hours from v_hour + 2));
    if v_position > 0 then
      return v_today + make_interval(hours => v_hour + v_position, mins => position(B'1' in p_fields.minutes) - 1);
    end if;
    v_date := queue._cron_next_date(p_fields, v_today + 1);
  end if;
  return v_date
    + make_interval(hours => position(B'1' in p_fields.hours) - 1, mins => position(B'1' in p_fields.minutes) - 1);
end
$$;
