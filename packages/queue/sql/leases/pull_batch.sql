-- queue.pull_batch: takes the next jobs of a queue, as queue.pull takes one.
--
-- Takes    p_limit  the most jobs, 1 to 1000
-- Returns  the jobs in the order in which they are to run
-- Raises   what queue.pull raises · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
-- Writes   queue.ready, queue.deferred, queue.leases
-- Example  select id, fence_token, payload from queue.pull_batch('acme', 'email', 100);
create function queue.pull_batch(
  p_namespace text,
  p_queue text,
  p_limit int default 10,
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
  perform queue._validate_limit(p_limit);
  perform queue._validate_pull(p_namespace, p_visibility_timeout);
  return query
    select j.* from queue._pull(p_namespace, array[p_queue], p_limit, queue._worker(p_worker_id), p_visibility_timeout) j;
end
$$;
