-- queue.push: puts a job on a queue.
--
-- It becomes visible when the transaction commits, and is gone when it rolls back. Who acts is kept with the job.
--
-- Takes    p_queue         the queue's name, at most 256 characters; it need not exist
--          p_payload       any JSON value
--          p_delay         wait before it may run, from the start of the transaction; none by default
--          p_priority      -1000 to 1000, higher ones run first
--          p_max_attempts  1 to 30; the setting of the queue by default
--          p_unique_key    nothing is pushed while another job of the queue with this key waits or runs
--          p_tags          any texts
--          p_metadata      any JSON value
--          p_run_at        when it may run, instead of a delay
-- Returns  the job's id; null when p_unique_key is taken
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_PRIORITY_RANGE (22023) · VAL_MAX_ATTEMPTS_RANGE (22023)
--          · VAL_PAYLOAD_NULL (22004) · VAL_KEY_TOO_LONG (22001) · VAL_INTERVAL_TOO_LARGE (22023)
--          · VAL_DELAY_AND_RUN_AT (22023) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
-- Writes   queue.ready, queue.deferred, queue.unique_keys
-- Example  select queue.push('acme', 'email', '{"to": "a@example.com"}');
create function queue.push(
  p_namespace text,
  p_queue text,
  p_payload jsonb,
  p_delay interval default null,
  p_priority int default 0,
  p_max_attempts int default null,
  p_unique_key text default null,
  p_tags text[] default null,
  p_metadata jsonb default null,
  p_run_at timestamptz default null
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_id bigint;
begin
  perform queue._validate_job(
    p_namespace, p_queue, p_payload, p_priority, p_max_attempts, p_unique_key, p_delay, p_run_at
  );
  v_id := queue._enqueue(
    p_namespace, p_queue, p_payload,
    coalesce(p_run_at, case when p_delay <> interval '0' then now() + p_delay end), p_priority, p_max_attempts,
    p_unique_key, p_tags, p_metadata
  );
  if v_id is not null then
    perform queue._wake(p_namespace, p_queue, json_build_object('id', v_id, 'queue', p_queue));
  end if;
  return v_id;
end
$$;
