-- queue._archive_lease: keeps a job that has ended, and frees its key.
--
-- Takes    p_status  completed, dead or cancelled; all but dead ones are kept where archive_completed is set
create function queue._archive_lease(p_lease queue.leases, p_status text, p_error text, p_now timestamptz)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  insert into queue.archive (
    namespace, id, queue, status, priority, attempts, max_attempts, payload, unique_key, tags, metadata, error,
    actor_id, request_id, on_behalf_of, reason, scheduled_at, created_at, finished_at
  )
  select p_lease.namespace, p_lease.id, p_lease.queue, p_status, p_lease.priority, p_lease.attempts, p_lease.max_attempts,
    p_lease.payload, p_lease.unique_key, p_lease.tags, p_lease.metadata, p_error, p_lease.actor_id, p_lease.request_id,
    p_lease.on_behalf_of, p_lease.reason, p_lease.scheduled_at, p_lease.created_at, p_now
  where p_status = 'dead' or queue._is_archived(p_lease.namespace, p_lease.queue);
  if p_lease.unique_key is not null then
    perform queue._free_keys(p_lease.namespace, array[p_lease.queue], array[p_lease.unique_key]);
  end if;
end
$$;
