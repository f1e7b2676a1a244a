-- queue._pick_with_due: locks the next jobs of a queue that has deferred ones which are due, among the ready ones.
--
-- Looks further than p_limit, since others may hold locks on the first ones; locks no more than it returns, since a lock
-- that is kept in a long transaction hides its job. Ranges are looked through as in queue._pick.
--
-- Takes    p_now  what is due by then
--          p_floor  where the jobs of the queue begin
-- Returns  where they are in queue.ready and in queue.deferred; the lowest and the highest rank of the former
create function queue._pick_with_due(
  p_namespace text,
  p_queue text,
  p_limit int,
  p_now timestamptz,
  p_floor queue.floors,
  out ready tid[],
  out deferred tid[],
  out ranks int[]
)
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
  v_depth int := p_limit + 100;
  v_seen int;
begin
  loop
    with recursive priorities (priority) as (
      (
        select d.priority
        from queue.deferred d
        where d.namespace = p_namespace and d.queue = p_queue
        order by d.priority desc
        limit 1
      )
      union all
      select (
        select d.priority
        from queue.deferred d
        where d.namespace = p_namespace and d.queue = p_queue and d.priority < p.priority
        order by d.priority desc
        limit 1
      )
      from priorities p
      where p.priority is not null
    ),
    due as (
      select d.place, p.priority, d.run_at, d.id
      from priorities p
      cross join lateral (
        select d.ctid as place, d.run_at, d.id
        from queue.deferred d
        where d.namespace = p_namespace and d.queue = p_queue and d.priority = p.priority and d.run_at <= p_now
        order by d.run_at, d.id
        limit v_depth
      ) d
      limit v_depth
    ),
    candidates as (
      select d.place, false as is_ready, -d.priority as rank, 0 as turn, d.run_at as scheduled_at, d.id
      from due d
      union all
      (
        select r.place, true, r.rank, r.turn, r.scheduled_at, r.id
        from unnest(p_floor.from_ranks, p_floor.from_positions, p_floor.to_ranks, p_floor.to_positions)
          f (from_rank, from_position, to_rank, to_position)
        cross join lateral (
          (
            select r.ctid as place, r.rank, least(r.position, 0) as turn,
              coalesce(r.scheduled_at, r.created_at) as scheduled_at, r.id
            from queue.ready r
            where f.from_rank = f.to_rank
              and r.namespace = p_namespace
              and r.queue = p_queue
              and r.rank = f.to_rank
              and r.position > f.from_position
              and r.position < f.to_position
            order by r.rank, r.position
            limit v_depth
          )
          union all
          (
            select r.ctid, r.rank, least(r.position, 0), coalesce(r.scheduled_at, r.created_at), r.id
            from queue.ready r
            where f.from_rank < f.to_rank
              and r.namespace = p_namespace
              and r.queue = p_queue
              and (r.rank, r.position) > (f.from_rank, f.from_position)
              and r.rank < f.to_rank
            order by r.rank, r.position
            limit v_depth
          )
        ) r
        limit v_depth
      )
    ),
    picked as (
      select c.is_ready, c.rank, coalesce(r.place, d.place) as place
      from (
        select c.place, c.is_ready, c.rank
        from candidates c
        order by c.rank, c.turn, c.scheduled_at, c.id
      ) c
      left join lateral (
        select r.ctid as place
        from queue.ready r
        where c.is_ready and r.ctid = c.place and r.namespace = p_namespace
        for update skip locked
      ) r on true
      left join lateral (
        select d.ctid as place
        from queue.deferred d
        where not c.is_ready and d.ctid = c.place and d.namespace = p_namespace
        for update skip locked
      ) d on true
      where r.place is not null or d.place is not null
      limit p_limit
    )
    select coalesce(array_agg(p.place) filter (where p.is_ready), '{}'),
      coalesce(array_agg(p.place) filter (where not p.is_ready), '{}'),
      array[min(p.rank) filter (where p.is_ready), max(p.rank) filter (where p.is_ready)],
      (select greatest(count(*) filter (where c.is_ready), count(*) filter (where not c.is_ready)) from candidates c)
    into ready, deferred, ranks, v_seen
    from picked p;
    exit when cardinality(ready) + cardinality(deferred) = p_limit or v_seen < v_depth;
    v_depth := v_depth * 10;
  end loop;
end
$$;
