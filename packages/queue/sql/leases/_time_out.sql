-- queue._time_out: takes jobs back from workers that have not settled them in time; one whose cancellation was asked for
-- ends.
--
-- Takes    p_namespace  null for all
--          p_after      those with an earlier deadline are left out
-- Returns  the jobs, and how long they were held
create function queue._time_out(p_namespace text, p_limit int, p_after timestamptz)
returns table (job_id bigint, queue text, stuck_duration interval)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_lease queue.leases;
  v_now timestamptz;
begin
  v_now := clock_timestamp();
  for v_lease in
    select t.* from queue._take_expired(p_namespace, p_limit, p_after, v_now) t
  loop
    if v_lease.cancel_requested_at is not null then
      perform queue._archive_lease(v_lease, 'cancelled', v_lease.error, v_now);
    elsif v_lease.attempts >= v_lease.max_attempts then
      perform queue._move_to_dead_letter(v_lease, 'timeout', 'timeout', v_now);
    else
      perform queue._requeue(v_lease, v_lease.attempts, v_lease.error, null, v_now);
      perform queue._wake(
        v_lease.namespace, v_lease.queue, json_build_object('id', v_lease.id, 'queue', v_lease.queue)
      );
    end if;
    job_id := v_lease.id;
    queue := v_lease.queue;
    stuck_duration := v_now - v_lease.locked_at;
    return next;
  end loop;
end
$$;
