-- queue.list_schedules: a page of schedules, in the order of their names.
--
-- Takes    p_queue      only those of this queue
--          p_is_active  only active ones, or only paused ones
--          p_limit      on the page, 1 to 1000
--          p_cursor     name of the last one of the page before
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
-- Example  select name, next_run_at from queue.list_schedules('acme', p_is_active => true);
create function queue.list_schedules(
  p_namespace text,
  p_queue text default null,
  p_is_active boolean default null,
  p_limit int default 100,
  p_cursor text default null
)
returns table (
  name text,
  queue text,
  cron_expression text,
  every_interval interval,
  is_active boolean,
  next_run_at timestamptz,
  last_run_at timestamptz,
  run_count bigint,
  last_error text,
  consecutive_failures int,
  created_at timestamptz
)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  perform queue._assert_readable(p_namespace);
  perform queue._validate_limit(p_limit);
  return query
    select s.name, s.queue, s.cron_expression, s.every_interval, s.is_active, s.next_run_at, s.last_run_at, s.run_count,
      s.last_error, s.consecutive_failures, s.created_at
    from queue.schedules s
    where s.namespace = p_namespace
      and s.name > coalesce(p_cursor, '')
      and (p_queue is null or s.queue = p_queue)
      and (p_is_active is null or s.is_active = p_is_active)
    order by s.name
    limit p_limit;
end
$$;
