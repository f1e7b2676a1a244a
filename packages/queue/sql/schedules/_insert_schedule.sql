-- queue._insert_schedule: writes a valid schedule, with the time of its first run.
--
-- Returns  its id; null when the name is taken
create function queue._insert_schedule(p_schedule queue.schedules)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_id bigint;
begin
  insert into queue.schedules (
    namespace, name, queue, payload, priority, max_attempts, tags, metadata, cron_expression, cron_timezone,
    every_interval, catch_up, catch_up_max, overlap, is_active, next_run_at
  )
  values (
    p_schedule.namespace, p_schedule.name, p_schedule.queue, p_schedule.payload, p_schedule.priority,
    p_schedule.max_attempts, p_schedule.tags, p_schedule.metadata, p_schedule.cron_expression, p_schedule.cron_timezone,
    p_schedule.every_interval, p_schedule.catch_up, p_schedule.catch_up_max, p_schedule.overlap, p_schedule.is_active,
    case when p_schedule.is_active then queue._next_run(p_schedule, clock_timestamp(), clock_timestamp()) end
  )
  on conflict (namespace, name) do nothing
  returning id into v_id;
  return v_id;
end
$$;
