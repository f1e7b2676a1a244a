-- queue.exchange_global: queue.settle_and_pull for one worker that serves all tenants.
--
-- Runs as its owner, and is for roles that were granted worker.
--
-- Takes    p_queues, p_limit, p_after  as queue.pull_global, a limit of 0 among them
--          p_namespaces, p_job_ids, p_fences  of jobs that are done, at most 1000
-- Returns  {"jobs": [...], "stale": [...], "due_in_ms": 1000} as queue.settle_and_pull, the jobs with all columns and namespace
-- Raises   what queue.pull_global raises · VAL_ACK_BATCH_LENGTH (22023) · VAL_JOB_ID_NULL (22004)
--          · VAL_FENCE_NULL (22004) · VAL_ACK_BATCH_DUPLICATE_JOB (22023)
-- Writes   queue.leases, queue.ready, queue.deferred, queue.archive, queue.unique_keys
-- Example  select queue.exchange_global(array['email'], 100, 'worker-1', '1 minute', null, array['acme'], array[42], array[7]);
create function queue.exchange_global(
  p_queues text[],
  p_limit int,
  p_worker_id text default null,
  p_visibility_timeout interval default null,
  p_after text default null,
  p_namespaces text[] default null,
  p_job_ids bigint[] default null,
  p_fences bigint[] default null
)
returns json
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
  v_settled record;
  v_stale bigint[] := '{}';
  v_jobs text;
  v_count int := 0;
  v_now timestamptz;
  v_due_at timestamptz;
begin
  perform queue._validate_queues('global', p_queues);
  if p_limit is distinct from 0 then
    perform queue._validate_limit(p_limit);
  end if;
  perform queue._validate_visibility_timeout(p_visibility_timeout);
  perform queue._validate_settlement(p_job_ids, p_fences);
  if coalesce(cardinality(p_namespaces), 0) <> coalesce(cardinality(p_job_ids), 0) then
    raise exception 'namespaces must have as many elements as job_ids'
      using errcode = '22023', hint = 'postkit:queue:VAL_ACK_BATCH_LENGTH';
  end if;
  perform set_config('postkit.maintenance', 'on', true);
  for v_settled in
    select s.namespace, array_agg(s.id) as ids, array_agg(s.fence) as fences
    from unnest(p_namespaces, p_job_ids, p_fences) s (namespace, id, fence)
    group by s.namespace
    order by s.namespace
  loop
    v_stale := v_stale || queue._complete(v_settled.namespace, v_settled.ids, v_settled.fences);
  end loop;
  v_now := clock_timestamp();
  if p_limit > 0 then
    select string_agg(to_json(j)::text, ','), count(*)
    into v_jobs, v_count
    from (
      select p.namespace, p.id::text, p.fence_token::text, p.queue, p.payload, p.priority, p.attempts, p.max_attempts,
        p.scheduled_at, p.created_at, p.visibility_timeout_at, p.error, p.unique_key, p.tags, p.metadata, p.actor_id,
        p.request_id, p.on_behalf_of, p.reason
      from queue._pull_global(p_queues, p_limit, queue._worker(p_worker_id), p_visibility_timeout, p_after) p
    ) j;
  end if;
  if v_count < p_limit then
    v_due_at := queue._next_due_global(p_queues, v_now);
  end if;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
  return queue._exchanged(v_jobs, v_stale, v_due_at);
end
$$;
