-- queue._ready_job: a ready job in the columns of queue.jobs.
create function queue._ready_job(p_row queue.ready)
returns queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return (
    p_row.id, p_row.namespace, p_row.queue, p_row.payload, -p_row.rank, coalesce(p_row.scheduled_at, p_row.created_at),
    'pending'::text, p_row.attempts, p_row.max_attempts, null, null, null, null,
    p_row.error, p_row.unique_key, coalesce(p_row.tags, '{}'), p_row.metadata, p_row.actor_id, p_row.request_id,
    p_row.on_behalf_of, p_row.reason, p_row.created_at, coalesce(p_row.updated_at, p_row.created_at), null
  )::queue.jobs;
end
$$;
