-- queue.extend_visibility: gives a worker more time for a job.
--
-- Takes    p_job_id, p_fence  of the job as pulled
--          p_extension  is added to the deadline
-- Returns  true
-- Raises   what queue.ack raises · VAL_EXTENSION_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.leases
-- Example  select queue.extend_visibility('acme', 42, 1007, '5 minutes');
create function queue.extend_visibility(p_namespace text, p_job_id bigint, p_fence bigint, p_extension interval)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_expires_at timestamptz;
  v_now timestamptz;
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_job_id(p_job_id);
  perform queue._validate_fence(p_fence);
  if p_extension is null or p_extension <= interval '0' then
    raise exception 'extension must be longer than nothing'
      using errcode = '22023', hint = 'postkit:queue:VAL_EXTENSION_POSITIVE';
  end if;
  perform queue._validate_interval_size(p_extension, 'extension');
  perform queue._validate_pull(p_namespace, null);
  select l.expires_at
  into v_expires_at
  from queue.leases l
  where l.namespace = p_namespace and l.id = p_job_id and l.fence = p_fence
  for update;
  v_now := clock_timestamp();
  if not found or v_expires_at <= v_now then
    perform queue._raise_stale(p_job_id);
  end if;
  update queue.leases l
  set expires_at = v_expires_at + p_extension, updated_at = v_now
  where l.namespace = p_namespace and l.id = p_job_id;
  return true;
end
$$;
