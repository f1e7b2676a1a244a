-- queue._change_schedule: gives a schedule its new definition, and a new next run when its timing changed.
--
-- Returns  its id; null when there is none of that name
create function queue._change_schedule(p_schedule queue.schedules)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_id bigint;
begin
  update queue.schedules s
  set queue = p_schedule.queue,
    payload = p_schedule.payload,
    priority = p_schedule.priority,
    max_attempts = p_schedule.max_attempts,
    tags = p_schedule.tags,
    metadata = p_schedule.metadata,
    cron_expression = p_schedule.cron_expression,
    cron_timezone = p_schedule.cron_timezone,
    every_interval = p_schedule.every_interval,
    catch_up = p_schedule.catch_up,
    catch_up_max = p_schedule.catch_up_max,
    overlap = p_schedule.overlap,
    next_run_at = case
      when not s.is_active then null
      when (s.cron_expression, s.cron_timezone, s.every_interval)
        is distinct from (p_schedule.cron_expression, p_schedule.cron_timezone, p_schedule.every_interval)
        then queue._next_run(p_schedule, clock_timestamp(), clock_timestamp())
      else s.next_run_at
    end,
    updated_at = now()
  where s.namespace = p_schedule.namespace and s.name = p_schedule.name
  returning s.id into v_id;
  return v_id;
end
$$;
