-- queue.push_many: puts up to 1,000 jobs on queues, each with options of its own, all or none.
--
-- Takes    p_jobs  an array of objects: queue and payload; optional delay or run_at, priority, max_attempts, unique_key,
--                  tags, metadata
-- Returns  their ids in the order of the array, null where a unique_key is taken, by an earlier one of the array as well;
--          later ones have higher ids
-- Raises   what queue.push raises · VAL_BATCH_TOO_LARGE (22023) · VAL_JOBS_INVALID (22023)
-- Writes   queue.ready, queue.deferred, queue.unique_keys
-- Example  select queue.push_many('acme', '[{"queue": "email", "payload": {"to": "a"}, "delay": "1 hour"}]');
create function queue.push_many(p_namespace text, p_jobs jsonb)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_jobs queue.new_job[];
  v_ids bigint[];
begin
  perform queue._validate_namespace(p_namespace);
  if jsonb_typeof(p_jobs) = 'array' then
    perform queue._validate_batch_size(jsonb_array_length(p_jobs), 'jobs');
  end if;
  v_jobs := queue._read_jobs(p_jobs);
  perform queue._validate_jobs(p_namespace, v_jobs);
  v_ids := queue._enqueue_many(p_namespace, v_jobs, queue._take_keys(p_namespace, v_jobs));
  perform queue._wake(p_namespace, q.queue, json_build_object('count', q.job_count, 'queue', q.queue))
  from (
    select j.queue, count(*) as job_count
    from unnest(v_jobs) j
    where v_ids[j.index] is not null
    group by j.queue
  ) q;
  return v_ids;
end
$$;
