-- queue.ack: tells that a job is done.
--
-- In the transaction that did the work, both commit or neither. The job is gone, or kept where archive_completed is set.
--
-- Takes    p_job_id, p_fence  of the job as pulled
-- Returns  true
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_JOB_ID_NULL (22004)
--          · VAL_FENCE_NULL (22004) · FENCE_STALE (40001)
-- Writes   queue.leases, queue.archive, queue.unique_keys
-- Example  select queue.ack('acme', 42, 1007);
create function queue.ack(p_namespace text, p_job_id bigint, p_fence bigint)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_lease queue.leases := queue._end_lease(p_namespace, p_job_id, p_fence);
begin
  perform queue._archive_lease(v_lease, 'completed', null, clock_timestamp());
  return true;
end
$$;
