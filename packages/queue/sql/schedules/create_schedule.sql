-- queue.create_schedule: pushes a job again and again, by a cron expression or at an interval.
--
-- Somebody has to call queue.tick_schedules or queue.maintain, as workers of the client do.
--
-- Takes    p_cron_expression  five fields, names and lists as in cron, or @daily and its like: see the guide
--          p_cron_timezone    a name as in Europe/Berlin
--          p_every_interval   instead of a cron expression; first after that time
--          p_is_active        false to make it paused
--          p_catch_up         what happens after a time without ticks: one run for all that were missed; none, unless it
--                             is less than a minute late; or all of them, of which the last p_catch_up_max
--          p_overlap          allow, or skip: no run while the job of the last one waits or runs
--          p_metadata         an object, for the jobs; they also get the schedule's name and the planned time in it
-- Returns  the schedule's id
-- Raises   VAL_NAMESPACE_NULL (22004) and its like · VAL_SCHEDULE_NAME_NULL (22004) · VAL_SCHEDULE_NAME_EMPTY (22026)
--          · VAL_SCHEDULE_NAME_TOO_LONG (22001) · VAL_SCHEDULE_NAME_INVALID_CHARS (22023)
--          · VAL_SCHEDULE_NAME_WHITESPACE (22023) · VAL_QUEUE_NULL (22004) and its like · VAL_KEY_TOO_LONG (22001)
--          · VAL_PAYLOAD_NULL (22004) · VAL_PRIORITY_RANGE (22023) · VAL_MAX_ATTEMPTS_RANGE (22023)
--          · VAL_CRON_EMPTY (22026) · VAL_CRON_TOO_LONG (22001) · VAL_CRON_FIELDS (22023) · VAL_CRON_INVALID (22023)
--          · VAL_CRON_STEP_ZERO (22023) · VAL_TIMEZONE_UNKNOWN (22023) · VAL_INTERVAL_NOT_POSITIVE (22023)
--          · VAL_INTERVAL_TOO_LARGE (22023) · VAL_POLICY_UNKNOWN (22023) · VAL_CATCH_UP_MAX_RANGE (22023)
--          · VAL_METADATA_INVALID (22023) · BIZ_SCHEDULE_REQUIRES_SCHEDULE (22023)
--          · BIZ_SCHEDULE_CRON_AND_INTERVAL (22023) · BIZ_SCHEDULE_DUPLICATE (23505) · BIZ_TENANT_NOT_SET (42501)
--          · BIZ_TENANT_MISMATCH (42501)
-- Writes   queue.schedules
-- Example  select queue.create_schedule('acme', 'digest', 'email', '{}', '0 7 * * mon-fri', 'Europe/Berlin');
create function queue.create_schedule(
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
    raise exception 'there is a schedule % already', quote_literal(p_name)
      using errcode = '23505', hint = 'postkit:queue:BIZ_SCHEDULE_DUPLICATE';
  end if;
  return v_id;
end
$$;
