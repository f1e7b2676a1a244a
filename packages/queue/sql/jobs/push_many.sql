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
as $$
declare
  v_ids bigint[];
  v_has_keys boolean := false;
  v_job record;
  v_queue record;
begin
  perform queue._validate_namespace(p_namespace);
  if jsonb_typeof(p_jobs) = 'array' then
    perform queue._validate_batch_size(jsonb_array_length(p_jobs), 'jobs');
    v_ids := array_fill(null::bigint, array[jsonb_array_length(p_jobs)]);
  end if;
  for v_job in
    select j.queue, j.payload, j.delay, j.run_at, j.priority, j.max_attempts, j.unique_key
    from queue._read_jobs(p_jobs) j
    order by j.index
  loop
    perform queue._validate_job(
      p_namespace, v_job.queue, v_job.payload, v_job.priority, v_job.max_attempts, v_job.unique_key
    );
    if v_job.delay is not null and v_job.run_at is not null then
      raise exception 'a job has a delay or a run_at, not both'
        using errcode = '22023', hint = 'postkit:queue:VAL_DELAY_AND_RUN_AT';
    end if;
    perform queue._validate_interval_size(v_job.delay, 'delay');
    perform queue._validate_run_at(v_job.run_at);
    v_has_keys := v_has_keys or v_job.unique_key is not null;
  end loop;
  if v_has_keys then
    v_ids := queue._take_keys(p_namespace, p_jobs);
  end if;
  for v_job in
    select j.index, j.queue, j.payload, j.delay, j.run_at, j.priority, j.max_attempts, j.unique_key, j.tags, j.metadata
    from queue._read_jobs(p_jobs) j
    order by j.index
  loop
    continue when v_job.unique_key is not null and v_ids[v_job.index] is null;
    v_ids[v_job.index] := queue._enqueue(
      p_namespace, v_job.queue, v_job.payload,
      coalesce(v_job.run_at, case when v_job.delay <> interval '0' then now() + v_job.delay end), v_job.priority,
      v_job.max_attempts, v_job.unique_key, v_job.tags, v_job.metadata, v_ids[v_job.index]
    );
  end loop;
  for v_queue in
    select j.queue, count(*) as job_count
    from queue._read_jobs(p_jobs) j
    where v_ids[j.index] is not null
    group by j.queue
  loop
    perform queue._wake(
      p_namespace, v_queue.queue, json_build_object('count', v_queue.job_count, 'queue', v_queue.queue)
    );
  end loop;
  return v_ids;
end
$$;
