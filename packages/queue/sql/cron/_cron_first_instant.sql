-- queue._cron_first_instant: when the clocks of a zone first show a time, or a later one because they were set
-- forward over it.
--
-- Returns  the instant; of a time that is shown twice the first, of one that is never shown the end of the gap;
--          null for null
create function queue._cron_first_instant(p_clock timestamp, p_timezone text)
returns timestamptz
language plpgsql
stable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  -- PostgreSQL takes the second of two, and counts on from the beginning of a gap: never too early.
  v_instant timestamptz := p_clock at time zone p_timezone;
  v_change record;
begin
  v_change := queue._cron_clock_change(v_instant, p_timezone);
  return case
    when v_change.happened_at is null then v_instant
    when p_clock < v_change.clock_before then v_change.happened_at - (v_change.clock_before - p_clock)
    else v_change.happened_at + greatest(p_clock - v_change.clock_after, interval '0')
  end;
end
$$;
