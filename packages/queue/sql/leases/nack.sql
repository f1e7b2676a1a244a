-- queue.nack: tells that an attempt at a job failed.
--
-- It is tried again after a while, unless its attempts are used up: then it becomes a dead letter.
--
-- Takes    p_job_id, p_fence  of the job as pulled
--          p_error    why; takes the place of an earlier one, also when null
--          p_backoff  how long it waits; by default what the queue's settings say for the number of attempts, which is 30
--                     seconds, doubled each time, up to an hour
-- Returns  true when it will be tried again, false when it is a dead letter, or ended since its cancellation was asked for
-- Raises   what queue.ack raises · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.leases, queue.deferred, queue.dead_letters, queue.archive, queue.unique_keys
-- Example  select queue.nack('acme', 42, 1007, 'smtp: 451', '10 seconds');
create function queue.nack(
  p_namespace text,
  p_job_id bigint,
  p_fence bigint,
  p_error text default null,
  p_backoff interval default null
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
  return queue._fail_attempt(v_lease, p_error, p_backoff);
end
$$;
