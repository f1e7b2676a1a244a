-- queue._advance_lanes: moves the floors of some queues up, going on where it left off, and forgets lanes in which nothing
-- has happened for long.
--
-- Takes    p_mark      positions up to this one are there to be seen, or will never be
--          p_worth_it  moves them when the way to the first job took longer than this
create function queue._advance_lanes(p_mark bigint, p_worth_it interval)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
  v_queues_max constant int := 1000;
  v_max constant interval := '100 milliseconds';
  v_began_at timestamptz := clock_timestamp();
  v_namespace text;
  v_queue text;
  v_ranks int[];
  v_empty int[];
begin
  select u.lane_namespace, u.lane_queue into v_namespace, v_queue from queue.upkeep u;
  for v_count in 1..v_queues_max loop
    select l.namespace, l.queue
    into v_namespace, v_queue
    from queue.lanes l
    where (l.namespace, l.queue) > (v_namespace, v_queue)
    order by l.namespace, l.queue
    limit 1;
    exit when not found;
    v_ranks := array(
      select distinct l.rank
      from queue.lanes l
      where l.namespace = v_namespace and l.queue = v_queue
      order by l.rank
    );
    v_empty := queue._advance_floor(v_namespace, v_queue, v_ranks, p_mark, p_worth_it);
    delete from queue.lanes l
    where l.namespace = v_namespace
      and l.queue = v_queue
      and l.rank = any (v_empty)
      and l.created_at < v_began_at - interval '1 hour';
    exit when clock_timestamp() > v_began_at + v_max;
  end loop;
  -- At the end it begins anew.
  update queue.upkeep u
  set lane_namespace = coalesce(v_namespace, ''), lane_queue = coalesce(v_queue, '')
  where u.id = 1;
end
$$;
