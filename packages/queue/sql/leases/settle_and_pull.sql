-- queue.settle_and_pull: tells which jobs are done and takes the next ones, in one step: what a worker's loop needs.
--
-- Takes    p_queues     names of queues in the order in which they are served, at most 1000
--          p_limit      the most jobs to take, 0 to 1000
--          p_job_ids, p_fences  of jobs that are done, at most 1000
-- Returns  {"jobs": [...], "stale": [...], "due_in_ms": 1000}: the jobs that were taken with columns of queue.jobs, id and
--          fence_token as text, without those that are null, and without scheduled_at where it is created_at; the ids of
--          those that were not held any more and so are not done; and, when fewer jobs were taken than asked for, how
--          long it is until the next deferred one of these queues, null when there is none. One that is due and was not
--          taken does not count: its queue is paused, or somebody else is just taking it
-- Raises   what queue.pull_any and queue.ack_batch raise, but FENCE_STALE
-- Writes   queue.leases, queue.ready, queue.deferred, queue.archive, queue.unique_keys
-- Example  select queue.settle_and_pull('acme', array['email'], 100, 'worker-1', '1 minute', array[42], array[1007]);
create function queue.settle_and_pull(
  p_namespace text,
  p_queues text[],
  p_limit int,
  p_worker_id text default null,
  p_visibility_timeout interval default null,
  p_job_ids bigint[] default null,
  p_fences bigint[] default null
)
returns json
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_stale bigint[] := '{}';
  v_pulled record;
  v_now timestamptz;
  v_due_at timestamptz;
begin
  perform queue._validate_queues(p_namespace, p_queues);
  if p_limit is null or p_limit not between 0 and 1000 then
    perform queue._validate_limit(p_limit);
  end if;
  perform queue._validate_settlement(p_job_ids, p_fences);
  perform queue._validate_pull(p_namespace, p_visibility_timeout);
  if p_job_ids <> '{}' then
    v_stale := queue._complete(p_namespace, p_job_ids, p_fences);
  end if;
  if p_limit = 0 then
    return queue._exchanged(null, v_stale, null);
  end if;
  v_now := clock_timestamp();
  v_pulled := queue._pull_json(p_namespace, p_queues, p_limit, queue._worker(p_worker_id), p_visibility_timeout);
  if v_pulled.count < p_limit then
    v_due_at := queue._next_due(p_namespace, p_queues, v_now);
  end if;
  return queue._exchanged(v_pulled.jobs, v_stale, v_due_at);
end
$$;
