-- queue.get_config: the settings in force for a queue, or without one for the queues of a namespace that have none.
--
-- Returns  one row: each setting from the queue's own, else the namespace's, else that for all
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001)
--          · VAL_QUEUE_INVALID_CHARS (22023) · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001)
-- Example  select default_max_attempts, notify from queue.get_config('acme', 'email');
create function queue.get_config(p_namespace text, p_queue text default null)
returns table (
  archive_completed boolean,
  notify text,
  default_visibility_timeout interval,
  default_max_attempts int,
  backoff_kind text,
  backoff_base interval,
  backoff_factor numeric,
  backoff_max interval,
  backoff_jitter numeric,
  retention interval,
  paused_at timestamptz
)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._assert_readable(p_namespace);
  if p_queue is not null then
    perform queue._validate_names(p_namespace, p_queue);
  end if;
  return query
    select c.archive_completed, c.notify, c.default_visibility_timeout, c.default_max_attempts, c.backoff_kind,
      c.backoff_base, c.backoff_factor, c.backoff_max, c.backoff_jitter, c.retention, c.paused_at
    from queue._get_config(p_namespace, coalesce(p_queue, '')) c;
end
$$;
