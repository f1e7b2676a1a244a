-- queue.release: gives a job back untouched; it may be taken at once, before the new ones of its priority.
--
-- Takes    p_job_id, p_fence  of the job as pulled
--          p_count_attempt    whether the attempt that was not made counts all the same
-- Returns  true
-- Raises   what queue.ack raises
-- Writes   queue.leases, queue.ready
-- Example  select queue.release('acme', 42, 1007);
create function queue.release(
  p_namespace text,
  p_job_id bigint,
  p_fence bigint,
  p_count_attempt boolean default true
)
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
  perform queue._requeue(
    v_lease, v_lease.attempts - case when coalesce(p_count_attempt, true) then 0 else 1 end, v_lease.error, null,
    clock_timestamp()
  );
  perform queue._wake(p_namespace, v_lease.queue, json_build_object('id', v_lease.id, 'queue', v_lease.queue));
  return true;
end
$$;
