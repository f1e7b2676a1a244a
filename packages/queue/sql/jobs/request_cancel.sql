-- queue.request_cancel: asks the worker that has a job to give it up, or deletes the job when nobody has it.
--
-- The worker learns it at once or at its next heartbeat, and settles the job as cancelled unless it is done by then. When
-- the worker dies, the job ends as cancelled when its time is over.
--
-- Returns  whether there was such a job, waiting or running
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_JOB_ID_NULL (22004)
-- Writes   queue.leases, queue.ready, queue.deferred, queue.unique_keys
-- Example  select queue.request_cancel('acme', 42);
create function queue.request_cancel(p_namespace text, p_job_id bigint)
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
  v_looks_max constant int := 1000;
  v_queue text;
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_job_id(p_job_id);
  -- Again while it moves: a worker may take it, or give it back, between these looks.
  for v_look in 1..v_looks_max loop
    if queue.cancel(p_namespace, p_job_id) then
      return true;
    end if;
    update queue.leases l
    set cancel_requested_at = coalesce(l.cancel_requested_at, clock_timestamp())
    where l.namespace = p_namespace and l.id = p_job_id
    returning l.queue into v_queue;
    if found then
      perform queue._notify(
        p_namespace, v_queue, json_build_object('cancel', p_job_id, 'queue', v_queue),
        exists (select from queue.workers w where w.namespace = '' and w.queue = v_queue)
      );
      return true;
    end if;
    exit when not queue._is_live(p_namespace, p_job_id);
  end loop;
  return false;
end
$$;
