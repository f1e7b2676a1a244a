-- queue._end_leases: ends leases of jobs that are done, but those whose time is over: keeps the jobs where that is set,
-- and frees their keys.
--
-- Scans by index are off, so that rows are reached by their places and by nothing else, whatever statistics say; and one
-- by one, in the order of the array, which is that in which all others lock them.
--
-- Takes    p_places      in queue.leases
--          p_are_locked  whether they are ours already; else one may be moved, or its time be over, before it is ours
-- Returns  the ids of the jobs
-- Raises   PK002 when that happened, and nothing is done
create function queue._end_leases(p_namespace text, p_places tid[], p_are_locked boolean)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_indexscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_done bigint[];
  v_is_late boolean;
  v_queues text[];
  v_keys text[];
begin
  if queue._archives_completed(p_namespace) then
    with done as (
      delete from queue.leases l
      using unnest(p_places) p (place)
      where l.ctid = p.place and l.namespace = p_namespace and l.expires_at > v_now
      returning l.*
    ),
    archived as (
      select q.queue
      from (select distinct d.queue from done d) q
      where queue._is_archived(p_namespace, q.queue)
    ),
    kept as (
      insert into queue.archive (
        namespace, id, queue, status, priority, attempts, max_attempts, payload, unique_key, tags, metadata,
        actor_id, request_id, on_behalf_of, reason, scheduled_at, created_at, finished_at
      )
      select d.namespace, d.id, d.queue, 'completed', d.priority, d.attempts, d.max_attempts, d.payload, d.unique_key,
        d.tags, d.metadata, d.actor_id, d.request_id, d.on_behalf_of, d.reason, d.scheduled_at, d.created_at, v_now
      from done d
      where d.queue = any (array(select a.queue from archived a))
    )
    select coalesce(array_agg(d.id), '{}'), bool_or(d.expires_at <= clock_timestamp()),
      array_agg(d.queue) filter (where d.unique_key is not null),
      array_agg(d.unique_key) filter (where d.unique_key is not null)
    into v_done, v_is_late, v_queues, v_keys
    from done d;
  else
    with done as (
      delete from queue.leases l
      using unnest(p_places) p (place)
      where l.ctid = p.place and l.namespace = p_namespace and l.expires_at > v_now
      returning l.id, l.queue, l.unique_key, l.expires_at
    )
    select coalesce(array_agg(d.id), '{}'), bool_or(d.expires_at <= clock_timestamp()),
      array_agg(d.queue) filter (where d.unique_key is not null),
      array_agg(d.unique_key) filter (where d.unique_key is not null)
    into v_done, v_is_late, v_queues, v_keys
    from done d;
  end if;
  if not p_are_locked and (v_is_late or cardinality(v_done) < cardinality(p_places)) then
    raise exception 'a job was moved or ran out of time' using errcode = 'PK002';
  end if;
  if v_keys is not null then
    perform queue._free_keys(p_namespace, v_queues, v_keys);
  end if;
  return v_done;
end
$$;
