-- queue.report_global_worker: queue.report_worker for one worker that serves all tenants; with null for p_is_waiting it
-- has ended.
--
-- Runs as its owner, and is for roles that were granted worker.
--
-- Raises   VAL_QUEUE_NULL (22004) and its like · VAL_BATCH_TOO_LARGE (22023) · VAL_WORKER_ID_INVALID (22023)
-- Writes   queue.workers
-- Example  select queue.report_global_worker(array['email'], 'worker-1', true);
create function queue.report_global_worker(p_queues text[], p_worker_id text, p_is_waiting boolean)
returns void
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
begin
  perform queue._validate_queues('global', p_queues);
  perform queue._validate_worker_id(p_worker_id);
  perform set_config('postkit.maintenance', 'on', true);
  if p_is_waiting is null then
    delete from queue.workers w
    where w.namespace = '' and w.worker_id = p_worker_id and w.queue = any (p_queues);
  else
    perform queue._report_worker('', p_queues, p_worker_id, p_is_waiting);
  end if;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
end
$$;
