-- queue._lease: hands jobs that are locked to a worker.
--
-- Scans by index are off, so that rows are reached by their places and by nothing else, whatever statistics say.
--
-- Takes    p_ready, p_deferred  where the jobs are in these tables
-- Returns  the leases, in the order in which the jobs are to run
create function queue._lease(
  p_namespace text,
  p_queue text,
  p_ready tid[],
  p_deferred tid[],
  p_worker_id text,
  p_now timestamptz,
  p_expires_at timestamptz
)
returns setof queue.leases
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_indexscan = off
set enable_bitmapscan = off
as $$
begin
  return query
    with from_ready as (
      delete from queue.ready r
      where r.ctid = any (p_ready) and r.namespace = p_namespace
      returning r.*
    ),
    from_deferred as (
      delete from queue.deferred d
      where d.ctid = any (p_deferred) and d.namespace = p_namespace
      returning d.*
    ),
    taken as (
      select r.id, r.rank, least(r.position, 0) as turn, r.attempts, r.max_attempts, r.payload, r.unique_key, r.tags,
        r.metadata, r.error, r.actor_id, r.request_id, r.on_behalf_of, r.reason, r.scheduled_at, r.created_at
      from from_ready r
      union all
      select d.id, -d.priority, 0, d.attempts, d.max_attempts, d.payload, d.unique_key, d.tags, d.metadata, d.error,
        d.actor_id, d.request_id, d.on_behalf_of, d.reason, d.run_at, d.created_at
      from from_deferred d
    )
    insert into queue.leases as l (
      namespace, id, fence, queue, priority, attempts, max_attempts, payload, unique_key, tags, metadata, error,
      actor_id, request_id, on_behalf_of, reason, worker_id, locked_at, expires_at, scheduled_at, created_at
    )
    select p_namespace, t.id, nextval('queue.fence_token_seq'), p_queue, -t.rank, t.attempts + 1, t.max_attempts,
      t.payload, t.unique_key, t.tags, t.metadata, t.error, t.actor_id, t.request_id, t.on_behalf_of, t.reason,
      p_worker_id, p_now, p_expires_at, t.scheduled_at, t.created_at
    from taken t
    order by t.rank, t.turn, coalesce(t.scheduled_at, t.created_at), t.id
    returning l.*;
end
$$;
