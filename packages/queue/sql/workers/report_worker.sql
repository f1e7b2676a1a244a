-- queue.report_worker: tells that a worker is alive on some queues, and whether it is about to wait for a notification.
--
-- A worker that is not waiting says so, and is then not woken: what that saves is in queue._wake. To go to sleep without
-- missing a job: report that you wait, commit, read queue.pushes_in_flight, and look for jobs until the last of those has
-- ended. Pushes that begin later see that you wait. A worker not heard of for two minutes counts as dead.
--
-- Raises   VAL_NAMESPACE_NULL (22004) and its like · VAL_QUEUE_NULL (22004) and its like · VAL_BATCH_TOO_LARGE (22023)
--          · VAL_WORKER_ID_INVALID (22023) · VAL_KEY_TOO_LONG (22001) · BIZ_TENANT_NOT_SET (42501)
--          · BIZ_TENANT_MISMATCH (42501)
-- Writes   queue.workers
-- Example  select queue.report_worker('acme', array['email'], 'worker-1', true);
create function queue.report_worker(p_namespace text, p_queues text[], p_worker_id text, p_is_waiting boolean)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  perform queue._validate_queues(p_namespace, p_queues);
  perform queue._validate_worker_id(p_worker_id);
  perform queue._validate_key_size(p_namespace, q.queue, p_worker_id)
  from unnest(p_queues) q (queue);
  perform queue._assert_tenant(p_namespace);
  perform queue._report_worker(p_namespace, p_queues, p_worker_id, p_is_waiting);
end
$$;
