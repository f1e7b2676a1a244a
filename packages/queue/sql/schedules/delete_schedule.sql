-- queue.delete_schedule: ends a schedule for good; jobs that it pushed stay.
--
-- Returns  whether there was one of that name
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_SCHEDULE_NAME_NULL (22004)
--          · VAL_SCHEDULE_NAME_EMPTY (22026) · VAL_SCHEDULE_NAME_TOO_LONG (22001)
--          · VAL_SCHEDULE_NAME_INVALID_CHARS (22023) · VAL_SCHEDULE_NAME_WHITESPACE (22023)
-- Writes   queue.schedules
-- Example  select queue.delete_schedule('acme', 'digest');
create function queue.delete_schedule(p_namespace text, p_name text)
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
  delete from queue.schedules s
  where s.namespace = p_namespace and s.name = p_name;
  return found;
end
$$;
