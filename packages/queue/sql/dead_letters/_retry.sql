-- queue._retry: pushes the job of a dead letter anew, with all its attempts and without its key.
--
-- Takes    p_queue  null for the queue it was on
-- Returns  the id of the new job
create function queue._retry(p_letter queue.dead_letters, p_queue text)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_queue text := coalesce(p_queue, p_letter.queue);
  v_id bigint;
begin
  v_id := queue._enqueue(
    p_letter.namespace, v_queue, p_letter.payload, null, p_letter.priority, p_letter.max_attempts, null, p_letter.tags,
    p_letter.metadata
  );
  update queue.dead_letters d
  set retried_at = clock_timestamp(), retry_job_id = v_id
  where d.namespace = p_letter.namespace and d.id = p_letter.id;
  perform queue._wake(
    p_letter.namespace, v_queue,
    json_build_object('id', v_id, 'queue', v_queue, 'retry_of_dead_letter', p_letter.id)
  );
  return v_id;
end
$$;
