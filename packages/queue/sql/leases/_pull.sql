-- queue._pull: takes jobs of queues for a worker, queue by queue in the order given, and there as queue._pick does.
--
-- Takes    p_limit       the most jobs, 1 or more
--          p_visibility  how long they are the worker's; null for the setting of each queue
-- Returns  the jobs as they are now, in that order
create function queue._pull(p_namespace text, p_queues text[], p_limit int, p_worker_id text, p_visibility interval)
returns setof queue.jobs
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_room int := p_limit;
  v_count int;
  v_queue text;
  v_picked record;
begin
  foreach v_queue in array p_queues loop
    v_picked := queue._pick(p_namespace, v_queue, v_room, p_visibility);
    continue when v_picked.ready is null;
    return query
      select l.id, l.namespace, l.queue, l.payload, l.priority, coalesce(l.scheduled_at, l.created_at), 'running', l.attempts,
        l.max_attempts, l.worker_id, l.locked_at, l.expires_at, null::timestamptz, l.error, l.unique_key,
        coalesce(l.tags, '{}'), l.metadata, l.actor_id, l.request_id, l.on_behalf_of, l.reason, l.created_at, l.locked_at,
        l.fence
      from queue._lease(
        p_namespace, v_queue, v_picked.ready, v_picked.deferred, p_worker_id, v_picked.taken_at, v_picked.expires_at
      ) l;
    get diagnostics v_count = row_count;
    v_room := v_room - v_count;
    exit when v_room = 0;
  end loop;
end
$$;
