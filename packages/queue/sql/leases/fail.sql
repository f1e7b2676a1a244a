-- queue.fail: gives a job up: it becomes a dead letter, whatever attempts are left.
--
-- Takes    p_job_id, p_fence  of the job as pulled
--          p_error  why; what it failed with before by default
-- Returns  true
-- Raises   what queue.ack raises
-- Writes   queue.leases, queue.dead_letters, queue.archive, queue.unique_keys
-- Example  select queue.fail('acme', 42, 1007, 'no such customer');
create function queue.fail(p_namespace text, p_job_id bigint, p_fence bigint, p_error text default null)
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
  perform queue._move_to_dead_letter(v_lease, p_error, 'failed', clock_timestamp());
  return true;
end
$$;
