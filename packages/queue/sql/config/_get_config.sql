-- queue._get_config: the settings in force for a queue, or without one for a namespace.
--
-- Takes    p_queue  '' for what is set for the namespace
-- Returns  a row in which only paused_at may be null
create function queue._get_config(p_namespace text, p_queue text)
returns queue.config
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_config queue.config;
begin
  select p_namespace, p_queue,
    coalesce(q.archive_completed, n.archive_completed, g.archive_completed),
    coalesce(q.notify, n.notify, g.notify),
    coalesce(q.default_visibility_timeout, n.default_visibility_timeout, g.default_visibility_timeout),
    coalesce(q.default_max_attempts, n.default_max_attempts, g.default_max_attempts),
    coalesce(q.backoff_kind, n.backoff_kind, g.backoff_kind),
    coalesce(q.backoff_base, n.backoff_base, g.backoff_base),
    coalesce(q.backoff_factor, n.backoff_factor, g.backoff_factor),
    coalesce(q.backoff_max, n.backoff_max, g.backoff_max),
    coalesce(q.backoff_jitter, n.backoff_jitter, g.backoff_jitter),
    coalesce(q.retention, n.retention, g.retention),
    coalesce(q.paused_at, n.paused_at),
    least(q.created_at, n.created_at, g.created_at),
    greatest(q.updated_at, n.updated_at, g.updated_at)
  into v_config
  from queue.config g
  left join queue.config n on n.namespace = p_namespace and n.queue = ''
  left join queue.config q on q.namespace = p_namespace and q.queue = p_queue
  where g.namespace = 'global' and g.queue = '';
  return v_config;
end
$$;
