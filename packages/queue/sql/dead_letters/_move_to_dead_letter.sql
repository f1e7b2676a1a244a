-- queue._move_to_dead_letter: ends a job for good, unless somebody retries it.
--
-- Takes    p_error        why; what the job failed with before when null
--          p_reason_code  attempts, failed or timeout
create function queue._move_to_dead_letter(
  p_lease queue.leases,
  p_error text,
  p_reason_code text,
  p_checked_at timestamptz
)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  insert into queue.dead_letters (
    namespace, original_job_id, queue, priority, attempts, max_attempts, payload, tags, metadata, reason_code,
    last_error, actor_id, request_id, on_behalf_of, reason, failed_at
  )
  values (
    p_lease.namespace, p_lease.id, p_lease.queue, p_lease.priority, p_lease.attempts, p_lease.max_attempts,
    p_lease.payload, coalesce(p_lease.tags, '{}'), p_lease.metadata, p_reason_code, coalesce(p_error, p_lease.error), p_lease.actor_id,
    p_lease.request_id, p_lease.on_behalf_of, p_lease.reason, p_checked_at
  );
  perform queue._archive_lease(p_lease, 'dead', coalesce(p_error, p_lease.error), p_checked_at);
end
$$;
