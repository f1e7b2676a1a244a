-- queue.upsert_schedule: makes a schedule, or changes the one of that name into this: for every start of an application.
--
-- What is left out goes back to its default. When its next run is, changes only when the timing does; one that is paused
-- stays paused, whatever p_is_active.
--
-- Takes    what queue.create_schedule takes
-- Returns  the schedule's id
-- Raises   what queue.create_schedule raises, but BIZ_SCHEDULE_DUPLICATE
-- Writes   queue.schedules
-- Example  select queue.upsert_schedule('acme', 'digest', 'email', '{}', '0 7 * * mon-fri', 'Europe/Berlin');
create function queue.upsert_schedule(
  p_namespace text,
  p_name text,
  p_queue text,
  p_payload jsonb,
  p_cron_expression text default null,
  p_cron_timezone text default 'UTC',
  p_every_interval interval default null,
  p_priority int default 0,
  p_max_attempts int default 3,
  p_tags text[] default '{}',
  p_is_active boolean default true,
  p_catch_up text default 'one',
  p_catch_up_max int default 100,
  p_overlap text default 'allow',
  p_metadata jsonb default null
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_schedule queue.schedules := queue._schedule(
    p_namespace, p_name, p_queue, p_payload, p_cron_expression, p_cron_timezone, p_every_interval, p_priority,
    p_max_attempts, p_tags, p_is_active, p_catch_up, p_catch_up_max, p_overlap, p_metadata
  );
  v_id bigint;
begin
  perform queue._validate_schedule(v_schedule);
  v_id := queue._insert_schedule(v_schedule);
  if v_id is null then
    v_id := queue._change_schedule(v_schedule);
  end if;
  return v_id;
end
$$;
