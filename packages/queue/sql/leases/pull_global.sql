-- queue.pull_global: takes jobs of queues in all namespaces, a share of each in turn, as queue.pull takes one.
--
-- For one worker that serves all tenants: runs as its owner, and is for roles that were granted worker. Each job says whose
-- it is; what follows is told in that namespace, or through queue.exchange_global.
--
-- Takes    p_queues  names of queues, at most 1000; the order is that in which they are served within a namespace
--          p_limit   the most jobs, 1 to 1000
--          p_after   the namespace served last, by which the turn goes on
-- Returns  the jobs
-- Raises   VAL_QUEUE_NULL (22004) and its like · VAL_BATCH_TOO_LARGE (22023) · VAL_NOT_POSITIVE (22023)
--          · VAL_LIMIT_TOO_LARGE (22023) · VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.ready, queue.deferred, queue.leases
-- Example  select namespace, id, fence_token, payload from queue.pull_global(array['email'], 100);
create function queue.pull_global(
  p_queues text[],
  p_limit int default 10,
  p_worker_id text default null,
  p_visibility_timeout interval default null,
  p_after text default null
)
returns setof queue.jobs
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
begin
  perform queue._validate_queues('global', p_queues);
  perform queue._validate_limit(p_limit);
  perform queue._validate_visibility_timeout(p_visibility_timeout);
  perform set_config('postkit.maintenance', 'on', true);
  return query
    select p.*
    from queue._pull_global(p_queues, p_limit, queue._worker(p_worker_id), p_visibility_timeout, p_after) p;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
end
$$;
