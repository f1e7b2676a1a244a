-- queue.resume_queue: hands out jobs of a queue again.
--
-- Returns  whether it was paused
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_CONFIG_INVALID (22023)
--          · BIZ_GLOBAL_PROTECTED (42501) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
-- Writes   queue.config
-- Example  select queue.resume_queue('acme', 'email');
create function queue.resume_queue(p_namespace text, p_queue text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_names(p_namespace, p_queue);
  perform queue._assert_config_writable(p_namespace, p_queue);
  update queue.config c
  set paused_at = null, updated_at = now()
  where c.namespace = p_namespace and c.queue = p_queue and c.paused_at is not null;
  if not found then
    return false;
  end if;
  perform queue._wake(p_namespace, p_queue, json_build_object('queue', p_queue));
  return true;
end
$$;
