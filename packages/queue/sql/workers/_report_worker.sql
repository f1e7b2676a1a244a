-- queue._report_worker: notes that a worker is alive, and whether it waits.
create function queue._report_worker(p_namespace text, p_queues text[], p_worker_id text, p_is_waiting boolean)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  insert into queue.workers as w (namespace, queue, worker_id, is_waiting, seen_at)
  select p_namespace, q.queue, p_worker_id, coalesce(p_is_waiting, false), clock_timestamp()
  from (select distinct u.queue from unnest(p_queues) u (queue)) q
  order by q.queue
  on conflict (namespace, queue, worker_id) do update
  set is_waiting = excluded.is_waiting, seen_at = excluded.seen_at;
end
$$;
