-- queue.pull_any: takes the next job of the first of some queues that has one, as queue.pull takes it.
--
-- Takes    p_queues  names of queues, at most 1000; the order is that in which they are served
-- Returns  the job; nothing when none of the queues has one, or there are no queues
-- Raises   what queue.pull raises · VAL_BATCH_TOO_LARGE (22023)
-- Writes   queue.ready, queue.deferred, queue.leases
-- Example  select id, queue, fence_token, payload from queue.pull_any('acme', array['urgent', 'email']);
create function queue.pull_any(
  p_namespace text,
  p_queues text[],
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
declare
  v_queues text[] := coalesce(p_queues, '{}');
begin
  perform queue._validate_queues(p_namespace, v_queues);
  perform queue._validate_pull(p_namespace, p_visibility_timeout);
  return query
    select j.* from queue._pull(p_namespace, v_queues, 1, queue._worker(p_worker_id), p_visibility_timeout) j;
end
$$;
