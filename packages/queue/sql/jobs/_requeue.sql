-- queue._requeue: puts a job that a worker had back to where it may be taken: before the new ones of its priority, or
-- aside until a time. One whose cancellation was asked for ends.
--
-- Takes    p_attempts  how often it was tried, as far as that counts
--          p_run_at    null for now
create function queue._requeue(
  p_lease queue.leases,
  p_attempts int,
  p_error text,
  p_run_at timestamptz,
  p_now timestamptz
)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_lease.cancel_requested_at is not null then
    p_lease.attempts := p_attempts;
    perform queue._archive_lease(p_lease, 'cancelled', p_error, p_now);
    return;
  end if;
  if p_run_at is not null then
    insert into queue.deferred (
      namespace, id, queue, priority, attempts, max_attempts, payload, unique_key, tags, metadata, error,
      actor_id, request_id, on_behalf_of, reason, run_at, created_at, updated_at
    )
    values (
      p_lease.namespace, p_lease.id, p_lease.queue, p_lease.priority, p_attempts, p_lease.max_attempts, p_lease.payload,
      p_lease.unique_key, p_lease.tags, p_lease.metadata, p_error, p_lease.actor_id, p_lease.request_id,
      p_lease.on_behalf_of, p_lease.reason, p_run_at, p_lease.created_at, p_now
    );
    return;
  end if;
  insert into queue.ready (
    namespace, queue, rank, position, id, attempts, max_attempts, payload, unique_key, tags, metadata, error,
    actor_id, request_id, on_behalf_of, reason, scheduled_at, created_at, updated_at
  )
  values (
    p_lease.namespace, p_lease.queue, -p_lease.priority, nextval('queue.job_id_seq') - queue._returned_offset(), p_lease.id,
    p_attempts, p_lease.max_attempts, p_lease.payload, p_lease.unique_key, p_lease.tags, p_lease.metadata, p_error,
    p_lease.actor_id, p_lease.request_id, p_lease.on_behalf_of, p_lease.reason, p_lease.scheduled_at, p_lease.created_at,
    p_now
  );
end
$$;
