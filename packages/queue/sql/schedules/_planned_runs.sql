-- queue._planned_runs: which of the runs of a schedule that are due are to be pushed, as its catch_up says.
--
-- Returns  the times they were planned for
create function queue._planned_runs(p_schedule queue.schedules, p_now timestamptz)
returns timestamptz[]
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_wanted int := case p_schedule.catch_up when 'all' then p_schedule.catch_up_max else 1 end;
  -- Back from now, further each time until there are enough, so that a long pause does not take long.
  v_window interval := coalesce(p_schedule.every_interval, interval '1 minute') * v_wanted;
  v_from timestamptz;
  v_run timestamptz;
  v_runs timestamptz[];
begin
  if p_schedule.catch_up = 'one' then
    return array[p_schedule.next_run_at];
  end if;
  loop
    v_from := greatest(p_now - v_window, p_schedule.next_run_at);
    v_runs := '{}';
    v_run := case
      when v_from = p_schedule.next_run_at then v_from
      else queue._next_run(p_schedule, v_from, p_schedule.next_run_at)
    end;
    while v_run <= p_now loop
      v_runs := v_runs || v_run;
      v_run := queue._next_run(p_schedule, v_run, v_run);
    end loop;
    exit when cardinality(v_runs) >= v_wanted or v_from = p_schedule.next_run_at;
    v_window := v_window * 4;
  end loop;
  v_runs := v_runs[greatest(1, cardinality(v_runs) - v_wanted + 1):];
  if p_schedule.catch_up = 'none' and v_runs[1] <= p_now - interval '1 minute' then
    return '{}';
  end if;
  return v_runs;
end
$$;
