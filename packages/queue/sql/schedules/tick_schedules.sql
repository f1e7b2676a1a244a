-- queue.tick_schedules: pushes the jobs of schedules whose time has come.
--
-- To be called every few seconds; workers of the client do it. Several may call it at once: no run is pushed twice. What
-- goes wrong with one schedule is noted in last_error and tried again in a minute, ten times; the others go on.
--
-- Takes    p_namespace  null for all, which needs a role that row level security does not bind
--          p_limit      the most schedules, 1 to 1000, those that were to run first
-- Returns  the jobs
-- Raises   VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
--          · BIZ_ALL_NAMESPACES_REQUIRES_BYPASS (42501)
-- Writes   queue.schedules, queue.ready
-- Example  select * from queue.tick_schedules('acme');
create function queue.tick_schedules(p_namespace text default null, p_limit int default 100)
returns table (schedule_name text, job_id bigint, next_run_at timestamptz)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_schedule queue.schedules;
  v_job_ids bigint[];
  v_now timestamptz;
  v_next timestamptz;
begin
  perform queue._validate_tick(p_namespace, p_limit);
  v_now := clock_timestamp();
  for v_schedule in
    select s.* from queue._due_schedules(p_namespace, p_limit, v_now) s
  loop
    begin
      v_job_ids := queue._run_schedule(v_schedule, v_now);
      v_next := queue._next_run(v_schedule, v_now, v_schedule.next_run_at);
      update queue.schedules s
      set last_run_at = case when v_job_ids = '{}' then s.last_run_at else v_now end,
        last_job_id = coalesce(v_job_ids[cardinality(v_job_ids)], s.last_job_id),
        run_count = s.run_count + cardinality(v_job_ids),
        next_run_at = v_next,
        last_error = null,
        consecutive_failures = 0,
        updated_at = v_now
      where s.namespace = v_schedule.namespace and s.id = v_schedule.id;
    exception
      -- Nothing is wrong with the schedule: the same call does better when it is made anew.
      when serialization_failure or deadlock_detected then
        raise;
      when others then
        v_job_ids := '{}';
        update queue.schedules s
        set last_error = sqlerrm,
          consecutive_failures = s.consecutive_failures + 1,
          is_active = s.consecutive_failures + 1 < 10,
          next_run_at = case when s.consecutive_failures + 1 < 10 then v_now + interval '1 minute' end,
          updated_at = v_now
        where s.namespace = v_schedule.namespace and s.id = v_schedule.id;
    end;
    schedule_name := v_schedule.name;
    next_run_at := v_next;
    foreach job_id in array v_job_ids loop
      return next;
    end loop;
  end loop;
end
$$;
