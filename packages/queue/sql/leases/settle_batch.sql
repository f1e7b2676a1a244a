-- queue.settle_batch: settles up to 1,000 jobs, each in its own way and none hindered by another.
--
-- Takes    p_job_ids, p_fences  of the jobs as pulled
--          p_outcomes  for each: ack, nack, fail, release, release_uncounted, which gives the attempt back, or cancel,
--                      which ends the job as cancelled, whether or not somebody asked for it
--          p_errors    for nack, fail and cancel: why; none by default
--          p_delays    for nack: how long it waits; the settings of the queue by default
-- Returns  a row for each job: ok, dead for one that a nack made a dead letter, or stale for one that was not held
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_ACK_BATCH_LENGTH (22023)
--          · VAL_BATCH_TOO_LARGE (22023) · VAL_JOB_ID_NULL (22004) · VAL_FENCE_NULL (22004)
--          · VAL_ACK_BATCH_DUPLICATE_JOB (22023) · VAL_OUTCOME_UNKNOWN (22023) · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.leases, queue.ready, queue.deferred, queue.dead_letters, queue.archive, queue.unique_keys
--          · Locks the leases in the order of their ids
-- Example  select * from queue.settle_batch('acme', array[42, 43], array[1007, 1008], array['ack', 'nack']);
create function queue.settle_batch(
  p_namespace text,
  p_job_ids bigint[],
  p_fences bigint[],
  p_outcomes text[],
  p_errors text[] default null,
  p_delays interval[] default null
)
returns table (job_id bigint, status text)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_settlement record;
  v_lease queue.leases;
  v_stale bigint[];
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_settlement(p_job_ids, p_fences);
  perform queue._validate_outcomes(cardinality(p_job_ids), p_outcomes, p_errors, p_delays);
  perform queue._validate_pull(p_namespace, null);
  if coalesce(cardinality(p_job_ids), 0) = 0 then
    return;
  end if;
  if 'ack' = all (p_outcomes) then
    v_stale := queue._complete(p_namespace, p_job_ids, p_fences);
    return query
      select s.id, case when s.id = any (v_stale) then 'stale' else 'ok' end
      from unnest(p_job_ids) s (id);
    return;
  end if;
  perform queue._lock_leases(p_namespace, p_job_ids, p_fences);
  for v_settlement in
    select s.id, s.fence, s.outcome, s.error, s.delay
    from unnest(p_job_ids, p_fences, p_outcomes, p_errors, p_delays) s (id, fence, outcome, error, delay)
    order by s.id
  loop
    job_id := v_settlement.id;
    status := 'ok';
    delete from queue.leases l
    where l.namespace = p_namespace
      and l.id = v_settlement.id
      and l.fence = v_settlement.fence
      and l.expires_at > clock_timestamp()
    returning l.* into v_lease;
    if not found then
      status := 'stale';
    elsif v_settlement.outcome = 'ack' then
      perform queue._archive_lease(v_lease, 'completed', null, clock_timestamp());
    elsif v_settlement.outcome = 'cancel' then
      perform queue._archive_lease(v_lease, 'cancelled', v_settlement.error, clock_timestamp());
    elsif v_settlement.outcome = 'fail' then
      perform queue._move_to_dead_letter(v_lease, v_settlement.error, 'failed', clock_timestamp());
    elsif v_settlement.outcome = 'nack' then
      if not queue._fail_attempt(v_lease, v_settlement.error, v_settlement.delay) then
        status := 'dead';
      end if;
    else
      perform queue._requeue(
        v_lease, v_lease.attempts - case v_settlement.outcome when 'release' then 0 else 1 end, v_lease.error, null,
        clock_timestamp()
      );
      perform queue._wake(p_namespace, v_lease.queue, json_build_object('id', v_lease.id, 'queue', v_lease.queue));
    end if;
    return next;
  end loop;
end
$$;
