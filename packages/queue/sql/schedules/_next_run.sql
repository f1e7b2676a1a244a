-- queue._next_run: when a schedule runs next after a time.
--
-- An interval is counted from p_anchor, so that it does not drift with the moments at which runs are noticed; in UTC, so
-- that a day is as long for everybody who ticks.
--
-- Raises   VAL_INTERVAL_NOT_POSITIVE (22023), for what was written into the table by hand
create function queue._next_run(p_schedule queue.schedules, p_after timestamptz, p_anchor timestamptz)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set timezone = 'UTC'
as $$
declare
  v_next timestamptz;
  v_months int;
  v_seconds double precision;
begin
  if p_schedule.cron_expression is not null then
    return queue._cron_next_run(p_schedule.cron_expression, p_schedule.cron_timezone, p_after);
  end if;
  perform queue._validate_schedule_interval(p_schedule.every_interval);
  v_next := p_anchor + p_schedule.every_interval;
  if v_next > p_after then
    return v_next;
  end if;
  -- Many intervals were missed: they are skipped at one go, as many as there are with the longest of months.
  v_months := extract(year from p_schedule.every_interval) * 12 + extract(month from p_schedule.every_interval);
  v_seconds := extract(epoch from p_schedule.every_interval - make_interval(months => v_months)) + v_months * 31.0 * 86400;
  v_next := p_anchor + floor(extract(epoch from p_after - p_anchor)::double precision / v_seconds) * p_schedule.every_interval;
  while v_next <= p_after loop
    v_next := v_next + p_schedule.every_interval;
  end loop;
  return v_next;
end
$$;
