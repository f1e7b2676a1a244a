-- queue._cron_clock_change: when the local clock was set forward or back, in the 24 hours up to p_until.
--
-- No zone has changed its offset twice within three days or by more than 24 hours, so that a day is enough to see
-- whether a clock shows some times twice, and there is one change in it at most.
--
-- Returns  happened_at   the first instant with the new offset; all three are null when the clock ran evenly, and for null
--          clock_before  what the old clock would have shown then
--          clock_after   what the new one shows
create function queue._cron_clock_change(
  p_until timestamptz,
  p_timezone text,
  out happened_at timestamptz,
  out clock_before timestamp,
  out clock_after timestamp
)
returns record
language plpgsql
stable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  -- Not a day: that is 23 or 25 hours long in the zone of some sessions.
  v_before timestamptz := p_until - interval '24 hours';
  v_clock timestamp := v_before at time zone p_timezone;
  v_seconds int;
begin
  if ((p_until at time zone p_timezone) - v_clock <> interval '24 hours') is not true then
    return;
  end if;
  -- Offsets change at whole seconds.
  v_before := to_timestamp(floor(extract(epoch from v_before)));
  v_clock := v_before at time zone p_timezone;
  happened_at := to_timestamp(ceil(extract(epoch from p_until)));
  -- Between these two lies the change.
  while happened_at - v_before > interval '1 second'
  loop
    v_seconds := ceil(extract(epoch from happened_at - v_before) / 2);
    if ((v_before + make_interval(secs => v_seconds)) at time zone p_timezone) - v_clock
      = make_interval(secs => v_seconds)
    then
      v_before := v_before + make_interval(secs => v_seconds);
      v_clock := v_clock + make_interval(secs => v_seconds);
    else
      happened_at := v_before + make_interval(secs => v_seconds);
    end if;
  end loop;
  clock_before := v_clock + interval '1 second';
  clock_after := happened_at at time zone p_timezone;
end
$$;
