-- queue.forget_worker: tells that a worker has ended.
--
-- Returns  whether it was known
-- Raises   VAL_NAMESPACE_NULL (22004) and its like · VAL_WORKER_ID_INVALID (22023)
-- Writes   queue.workers
-- Example  select queue.forget_worker('acme', 'worker-1');
create function queue.forget_worker(p_namespace text, p_worker_id text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_worker_id(p_worker_id);
  perform queue._validate_pull(p_namespace, null);
  delete from queue.workers w
  where w.namespace = p_namespace and w.worker_id = p_worker_id;
  return found;
end
$$;
