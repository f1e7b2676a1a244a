-- queue.set_config: changes settings of a queue, or without one of all queues of a namespace.
--
-- Takes    p_settings  an object of what is to change, null to inherit again: archive_completed, whether completed jobs
--                      are kept; notify: always, auto or off; default_visibility_timeout; default_max_attempts, 1 to 30;
--                      backoff_kind: exponential, linear or constant; backoff_base; backoff_factor, 1 to 1000;
--                      backoff_max; backoff_jitter, 0 to 1; retention, how long jobs that have ended are kept
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_CONFIG_INVALID (22023)
--          · BIZ_GLOBAL_PROTECTED (42501) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
-- Writes   queue.config
-- Example  select queue.set_config('acme', 'email', '{"archive_completed": true, "backoff_jitter": 0.5}');
create function queue.set_config(p_namespace text, p_queue text, p_settings jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_unknown text;
  v_queue text := coalesce(p_queue, '');
begin
  perform queue._validate_namespace(p_namespace);
  if p_queue is not null then
    perform queue._validate_names(p_namespace, p_queue);
  end if;
  if jsonb_typeof(p_settings) is distinct from 'object' then
    raise exception 'settings must be an object'
      using errcode = '22023', hint = 'postkit:queue:VAL_CONFIG_INVALID';
  end if;
  select k.key
  into v_unknown
  from jsonb_object_keys(p_settings) k (key)
  where k.key not in (
    'archive_completed', 'notify', 'default_visibility_timeout', 'default_max_attempts', 'backoff_kind', 'backoff_base',
    'backoff_factor', 'backoff_max', 'backoff_jitter', 'retention'
  )
  limit 1;
  if v_unknown is not null then
    raise exception 'there is no setting %', quote_literal(v_unknown)
      using errcode = '22023', hint = 'postkit:queue:VAL_CONFIG_INVALID';
  end if;
  perform queue._assert_config_writable(p_namespace, v_queue);

  -- Not without looking first: a row of nulls for all tenants is refused before it conflicts with the one there is.
  insert into queue.config (namespace, queue)
  select p_namespace, v_queue
  where not exists (select from queue.config c where c.namespace = p_namespace and c.queue = v_queue)
  on conflict do nothing;
  begin
    -- What is not named keeps its value: the row as JSON, with the changes laid over it.
    update queue.config c
    set (
        archive_completed, notify, default_visibility_timeout, default_max_attempts, backoff_kind, backoff_base,
        backoff_factor, backoff_max, backoff_jitter, retention, updated_at
      ) = (
        select s.archive_completed, s.notify, s.default_visibility_timeout, s.default_max_attempts, s.backoff_kind,
          s.backoff_base, s.backoff_factor, s.backoff_max, s.backoff_jitter, s.retention, now()
        from jsonb_populate_record(c, p_settings) s
      )
    where c.namespace = p_namespace and c.queue = v_queue;
  exception
    when data_exception or check_violation then
      raise exception 'a setting cannot be that: %', sqlerrm
        using errcode = '22023', hint = 'postkit:queue:VAL_CONFIG_INVALID';
  end;
end
$$;
