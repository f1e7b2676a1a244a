-- queue._fail_attempt: puts a job whose attempt failed aside to be tried again, or among the dead letters.
--
-- Returns  whether it will be tried again
-- Raises   VAL_INTERVAL_TOO_LARGE (22023)
create function queue._fail_attempt(p_lease queue.leases, p_error text, p_backoff interval)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  if p_lease.cancel_requested_at is not null then
    perform queue._archive_lease(p_lease, 'cancelled', p_error, v_now);
    return false;
  end if;
  if p_lease.attempts >= p_lease.max_attempts then
    perform queue._move_to_dead_letter(p_lease, p_error, 'attempts', v_now);
    return false;
  end if;
  if p_backoff is not null then
    perform queue._validate_interval_size(p_backoff, 'backoff');
  end if;
  perform queue._requeue(
    p_lease, p_lease.attempts, p_error,
    v_now + coalesce(p_backoff, queue._retry_delay(p_lease.namespace, p_lease.queue, p_lease.attempts)), v_now
  );
  -- Who waits has to learn how long: this may be due before all that he knows of.
  perform queue._wake(
    p_lease.namespace, p_lease.queue, json_build_object('id', p_lease.id, 'queue', p_lease.queue)
  );
  return true;
end
$$;
