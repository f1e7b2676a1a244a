-- queue.heartbeat_batch: tells that a worker is still at up to 1,000 jobs: each is its own until the timeout from now.
--
-- Takes    p_job_ids, p_fences  of the jobs as pulled
--          p_timeout            from now on, not from the deadline there was
-- Returns  a row for each job, in no order: held, cancel_requested, for one that is held and is to be given up, or stale
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_ACK_BATCH_LENGTH (22023)
--          · VAL_BATCH_TOO_LARGE (22023) · VAL_JOB_ID_NULL (22004) · VAL_FENCE_NULL (22004)
--          · VAL_ACK_BATCH_DUPLICATE_JOB (22023) · VAL_EXTENSION_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.leases · Locks the leases in the order of their ids
-- Example  select * from queue.heartbeat_batch('acme', array[42, 43], array[1007, 1008], '1 minute');
create function queue.heartbeat_batch(p_namespace text, p_job_ids bigint[], p_fences bigint[], p_timeout interval)
returns table (job_id bigint, status text)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_indexscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_places tid[];
  v_now timestamptz;
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_settlement(p_job_ids, p_fences);
  if p_timeout is null or p_timeout <= interval '0' then
    raise exception 'timeout must be longer than nothing'
      using errcode = '22023', hint = 'postkit:queue:VAL_EXTENSION_POSITIVE';
  end if;
  perform queue._validate_interval_size(p_timeout, 'timeout');
  perform queue._validate_pull(p_namespace, null);
  v_places := queue._lock_leases(p_namespace, p_job_ids, p_fences);
  v_now := clock_timestamp();
  return query
    with held as (
      update queue.leases l
      set expires_at = v_now + p_timeout, updated_at = v_now
      where l.ctid = any (v_places) and l.namespace = p_namespace and l.expires_at > v_now
      returning l.id, l.cancel_requested_at
    )
    select s.id, case
        when h.id is null then 'stale'
        when h.cancel_requested_at is not null then 'cancel_requested'
        else 'held'
      end
    from unnest(p_job_ids) s (id)
    left join held h on h.id = s.id;
end
$$;
