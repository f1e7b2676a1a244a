-- queue.cancel: deletes a job that nobody has taken yet.
--
-- One that a worker has is left alone: queue.request_cancel asks the worker.
--
-- Returns  whether it was deleted; false when it runs, has ended, or is not there
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_JOB_ID_NULL (22004)
-- Writes   queue.ready, queue.deferred, queue.unique_keys
-- Example  select queue.cancel('acme', 42);
create function queue.cancel(p_namespace text, p_job_id bigint)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_queue text;
  v_key text;
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_job_id(p_job_id);
  perform queue._validate_pull(p_namespace, null);
  delete from queue.deferred d
  where d.ctid = queue._find_deferred(p_namespace, p_job_id) and d.namespace = p_namespace and d.id = p_job_id
  returning d.queue, d.unique_key into v_queue, v_key;
  if not found then
    delete from queue.ready r
    where r.ctid = queue._find_ready(p_namespace, p_job_id) and r.namespace = p_namespace and r.id = p_job_id
    returning r.queue, r.unique_key into v_queue, v_key;
    if not found then
      return false;
    end if;
  end if;
  if v_key is not null then
    perform queue._free_keys(p_namespace, array[v_queue], array[v_key]);
  end if;
  return true;
end
$$;
