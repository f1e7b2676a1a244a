-- queue.pull: takes the next job of a queue.
--
-- It is the worker's until the visibility timeout is over: to be acknowledged, given back or extended until then, each
-- time with its id and its fence. What is not, goes to another worker. Jobs that others are just taking are passed over.
-- When the transaction rolls back, the job was never taken.
--
-- Takes    p_worker_id           who takes it, for people who look; anonymous by default
--          p_visibility_timeout  the setting of the queue by default
-- Returns  the job as it is now, its attempts counting this one; nothing when none may run
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_INTERVAL_NOT_POSITIVE (22023)
--          · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.ready, queue.deferred, queue.leases
-- Example  select id, fence_token, payload from queue.pull('acme', 'email', 'worker-1');
create function queue.pull(
  p_namespace text,
  p_queue text,
  p_worker_id text default null,
  p_visibility_timeout interval default null
)
returns setof queue.jobs
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  perform queue._validate_names(p_namespace, p_queue);
  perform queue._validate_pull(p_namespace, p_visibility_timeout);
  return query
    select j.* from queue._pull(p_namespace, array[p_queue], 1, queue._worker(p_worker_id), p_visibility_timeout) j;
end
$$;
