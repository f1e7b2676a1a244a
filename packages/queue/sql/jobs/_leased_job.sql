-- queue._leased_job: a leased job in the columns of queue.jobs.
create function queue._leased_job(p_row queue.leases)
returns queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return (
    p_row.id, p_row.namespace, p_row.queue, p_row.payload, p_row.priority, coalesce(p_row.scheduled_at, p_row.created_at),
    'running'::text, p_row.attempts, p_row.max_attempts, p_row.worker_id, p_row.locked_at, p_row.expires_at, null,
    p_row.error, p_row.unique_key, coalesce(p_row.tags, '{}'), p_row.metadata, p_row.actor_id, p_row.request_id,
    p_row.on_behalf_of, p_row.reason, p_row.created_at, coalesce(p_row.updated_at, p_row.locked_at), p_row.fence
  )::queue.jobs;
end
$$;
