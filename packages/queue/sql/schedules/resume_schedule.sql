-- queue.resume_schedule: lets a schedule run again, from now on: what it missed meanwhile is not made up.
--
-- Returns  whether there is one of that name that was paused
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_SCHEDULE_NAME_NULL (22004)
--          · VAL_SCHEDULE_NAME_EMPTY (22026) · VAL_SCHEDULE_NAME_TOO_LONG (22001)
--          · VAL_SCHEDULE_NAME_INVALID_CHARS (22023) · VAL_SCHEDULE_NAME_WHITESPACE (22023)
-- Writes   queue.schedules
-- Example  select queue.resume_schedule('acme', 'digest');
create function queue.resume_schedule(p_namespace text, p_name text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_schedule_name(p_name);
  perform queue._validate_pull(p_namespace, null);
  update queue.schedules s
  set is_active = true,
    next_run_at = queue._next_run(s, clock_timestamp(), clock_timestamp()),
    consecutive_failures = 0,
    last_error = null,
    updated_at = now()
  where s.namespace = p_namespace and s.name = p_name and not s.is_active;
  return found;
end
$$;
