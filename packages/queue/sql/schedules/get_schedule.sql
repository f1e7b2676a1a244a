-- queue.get_schedule: one schedule.
--
-- Returns  the schedule; nothing when there is none of that name
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_SCHEDULE_NAME_NULL (22004) · VAL_SCHEDULE_NAME_EMPTY (22026)
--          · VAL_SCHEDULE_NAME_TOO_LONG (22001) · VAL_SCHEDULE_NAME_INVALID_CHARS (22023)
--          · VAL_SCHEDULE_NAME_WHITESPACE (22023)
-- Example  select next_run_at, last_error from queue.get_schedule('acme', 'digest');
create function queue.get_schedule(p_namespace text, p_name text)
returns table (
  id bigint,
  name text,
  queue text,
  payload jsonb,
  priority int,
  max_attempts int,
  tags text[],
  cron_expression text,
  cron_timezone text,
  every_interval interval,
  is_active boolean,
  last_run_at timestamptz,
  last_job_id bigint,
  next_run_at timestamptz,
  run_count bigint,
  last_error text,
  consecutive_failures int,
  created_at timestamptz,
  updated_at timestamptz,
  catch_up text,
  catch_up_max int,
  overlap text,
  metadata jsonb
)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._assert_readable(p_namespace);
  perform queue._validate_schedule_name(p_name);
  return query
    select s.id, s.name, s.queue, s.payload, s.priority, s.max_attempts, s.tags, s.cron_expression, s.cron_timezone,
      s.every_interval, s.is_active, s.last_run_at, s.last_job_id, s.next_run_at, s.run_count, s.last_error,
      s.consecutive_failures, s.created_at, s.updated_at, s.catch_up, s.catch_up_max, s.overlap, s.metadata
    from queue.schedules s
    where s.namespace = p_namespace and s.name = p_name;
end
$$;
