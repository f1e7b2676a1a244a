-- queue.ack_batch: tells that up to 1,000 jobs are done, all or none.
--
-- Takes    p_job_ids  ids of jobs, no one twice
--          p_fences   the fence of each
-- Returns  how many
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_ACK_BATCH_LENGTH (22023)
--          · VAL_BATCH_TOO_LARGE (22023) · VAL_JOB_ID_NULL (22004) · VAL_FENCE_NULL (22004)
--          · VAL_ACK_BATCH_DUPLICATE_JOB (22023) · FENCE_STALE (40001)
-- Writes   queue.leases, queue.archive, queue.unique_keys · Locks the leases in the order of their ids
-- Example  select queue.ack_batch('acme', array[42, 43], array[1007, 1008]);
create function queue.ack_batch(p_namespace text, p_job_ids bigint[], p_fences bigint[])
returns int
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_stale bigint[];
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_settlement(p_job_ids, p_fences);
  if coalesce(cardinality(p_job_ids), 0) = 0 then
    return 0;
  end if;
  perform queue._validate_pull(p_namespace, null);
  v_stale := queue._complete(p_namespace, p_job_ids, p_fences);
  if v_stale <> '{}' then
    perform queue._raise_stale(v_stale[1]);
  end if;
  return cardinality(p_job_ids);
end
$$;
