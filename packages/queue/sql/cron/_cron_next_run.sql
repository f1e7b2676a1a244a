-- queue._cron_next_run: when a cron expression fires next.
--
-- It is compared with the clock on the wall, which is set forward and back:
--  * A fixed time, whose minute and hour are named without * and step, fires once, when the clock first shows it. If
--    the clock is set forward over it, it fires at the first instant thereafter, once for all the times skipped.
--  * Any other expression fires at each minute that the clock shows and it selects, again in the repeated hour and
--    not for what is skipped, so that "*/5 * * * *" fires every five minutes.
--
-- Takes    p_base  fires strictly after it
-- Returns  the instant; null when p_base is null, infinite or not in the years 1 to 9999, and when no date is ever
--          selected
-- Raises   VAL_CRON_EMPTY (22026) · VAL_CRON_TOO_LONG (22001) · VAL_CRON_FIELDS (22023) · VAL_CRON_INVALID (22023)
--          · VAL_CRON_STEP_ZERO (22023) · VAL_TIMEZONE_UNKNOWN (22023)
-- Example  select queue._cron_next_run('30 2 * * mon-fri', 'Europe/Berlin', now());
create function queue._cron_next_run(p_cron text, p_timezone text, p_base timestamptz)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
-- From PostgreSQL 18, what an abbreviation stands for may depend on the session's own zone.
set timezone = 'UTC'
as $$
declare
  v_fields queue.cron_fields := queue._cron_parse(p_cron);
  v_clock timestamp;
  v_next timestamp;
  v_instant timestamptz;
  v_change record;
begin
  perform queue._validate_timezone(p_timezone);
  if (p_base between '0001-01-02 00:00+00' and '9999-12-31 00:00+00') is not true then
    return null;
  end if;
  v_clock := p_base at time zone p_timezone;

  if v_fields.is_fixed then
    -- Before it was set back, the clock had shown later times: those have fired.
    v_change := queue._cron_clock_change(p_base, p_timezone);
    if v_change.clock_before > v_clock then
      v_clock := v_change.clock_before - interval '1 microsecond';
    end if;
    return queue._cron_first_instant(queue._cron_next_clock(v_fields, v_clock), p_timezone);
  end if;

  v_next := queue._cron_next_clock(v_fields, v_clock);
  v_change := queue._cron_clock_change(p_base + interval '24 hours', p_timezone);
  if v_next >= v_change.clock_before then
    -- Set back, the clock shows earlier times again; set forward, it skips some.
    v_next := queue._cron_next_clock(v_fields, v_change.clock_after - interval '1 microsecond');
  end if;
  while v_next is not null
  loop
    v_instant := queue._cron_first_instant(v_next, p_timezone);
    v_clock := v_instant at time zone p_timezone;
    if v_clock = v_next and v_instant <= p_base then
      return v_next at time zone p_timezone;
    end if;
    if v_clock = v_next then
      return v_instant;
    end if;
    v_next := queue._cron_next_clock(v_fields, v_clock - interval '1 microsecond');
  end loop;
  return null;
end
$$;
