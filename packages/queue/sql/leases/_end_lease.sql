-- queue._end_lease: takes a job from the worker that holds it, for the caller to put elsewhere.
--
-- The deadline is tested by the clock once the row is ours: who waited for it beyond the deadline has lost the job.
--
-- Returns  the lease as it was
-- Raises   VAL_NAMESPACE_NULL (22004) and its like · VAL_JOB_ID_NULL (22004) · VAL_FENCE_NULL (22004)
--          · FENCE_STALE (40001)
create function queue._end_lease(p_namespace text, p_job_id bigint, p_fence bigint)
returns queue.leases
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_lease queue.leases;
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_job_id(p_job_id);
  perform queue._validate_fence(p_fence);
  if current_setting('postkit.tenant_id', true) is distinct from p_namespace then
    perform queue._warn_namespace_mismatch(p_namespace);
  end if;
  delete from queue.leases l
  where l.namespace = p_namespace and l.id = p_job_id and l.fence = p_fence
  returning l.* into v_lease;
  if not found or v_lease.expires_at <= clock_timestamp() then
    perform queue._raise_stale(p_job_id);
  end if;
  return v_lease;
end
$$;
