-- queue.pause_queue: stops handing out jobs of a queue; those that run go on, and pushes are taken.
--
-- Returns  whether it was running
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_CONFIG_INVALID (22023)
--          · BIZ_GLOBAL_PROTECTED (42501) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
-- Writes   queue.config
-- Example  select queue.pause_queue('acme', 'email');
create function queue.pause_queue(p_namespace text, p_queue text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_names(p_namespace, p_queue);
  perform queue._assert_config_writable(p_namespace, p_queue);
  insert into queue.config as c (namespace, queue, paused_at)
  values (p_namespace, p_queue, clock_timestamp())
  on conflict (namespace, queue) do update
  set paused_at = excluded.paused_at, updated_at = now()
  where c.paused_at is null;
  return found;
end
$$;
