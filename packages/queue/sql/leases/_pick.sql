-- queue._pick: locks the next jobs of a queue, in the order of priority and then of time.
--
-- Jobs that came back are before the new ones of their priority, in the order in which they did. Deferred jobs that are
-- due are taken from where they are, so that none waits for anybody to move it. Plans are pinned: statistics of tables
-- that fill and empty within seconds are always wrong. Without sorts, an order leaves one index only.
--
-- Ranges within one rank and those over several are looked through apart: before 18, a scan that only a pair of rank and
-- position ends goes on to the end of the rank.
--
-- Takes    p_limit       the most jobs, 1 or more
--          p_visibility  how long they are to be the worker's; null for the setting of the queue
-- Returns  where they are in queue.ready and in queue.deferred, null when the queue is paused or has none; when they are
--          taken, and until when
create function queue._pick(
  p_namespace text,
  p_queue text,
  p_limit int,
  p_visibility interval,
  out ready tid[],
  out deferred tid[],
  out taken_at timestamptz,
  out expires_at timestamptz
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
  v_known record;
  v_floor queue.floors;
  v_ranks int[];
begin
  taken_at := clock_timestamp();
  -- The newest floor is looked for backwards, since what it takes the place of may still be there, dead.
  select coalesce(
      (select c.paused_at from queue.config c where c.namespace = p_namespace and c.queue = p_queue),
      (select c.paused_at from queue.config c where c.namespace = p_namespace and c.queue = '')
    ) is not null as is_paused,
    (
      select d.run_at
      from queue.deferred d
      where d.namespace = p_namespace and d.queue = p_queue and d.run_at <= taken_at
      order by d.run_at
      limit 1
    ) is not null as has_due,
    (
      select f
      from queue.floors f
      where f.namespace = p_namespace and f.queue = p_queue
      order by f.id desc
      limit 1
    ) as floor,
    array(select l.rank from queue.lanes l where l.namespace = p_namespace and l.queue = p_queue) as ranks
  into v_known;
  if v_known.is_paused then
    return;
  end if;
  v_floor := v_known.floor;
  if v_floor is null then
    v_floor.from_ranks := array[-2147483648];
    v_floor.from_positions := array[-9223372036854775808];
    v_floor.to_ranks := array[2147483647];
    v_floor.to_positions := array[9223372036854775807];
  end if;

  if v_known.has_due then
    select p.ready, p.deferred, p.ranks
    into ready, deferred, v_ranks
    from queue._pick_with_due(p_namespace, p_queue, p_limit, taken_at, v_floor) p;
  else
    deferred := '{}';
    select coalesce(array_agg(p.place), '{}'), array[min(p.rank), max(p.rank)]
    into ready, v_ranks
    from (
      select coalesce(o.place, w.place) as place, coalesce(o.rank, w.rank) as rank
      from unnest(v_floor.from_ranks, v_floor.from_positions, v_floor.to_ranks, v_floor.to_positions)
        f (from_rank, from_position, to_rank, to_position)
      left join lateral (
        select r.ctid as place, r.rank
        from queue.ready r
        where f.from_rank = f.to_rank
          and r.namespace = p_namespace
          and r.queue = p_queue
          and r.rank = f.to_rank
          and r.position > f.from_position
          and r.position < f.to_position
        order by r.rank, r.position
        limit p_limit
        for update skip locked
      ) o on true
      left join lateral (
        select r.ctid as place, r.rank
        from queue.ready r
        where f.from_rank < f.to_rank
          and r.namespace = p_namespace
          and r.queue = p_queue
          and (r.rank, r.position) > (f.from_rank, f.from_position)
          and r.rank < f.to_rank
        order by r.rank, r.position
        limit p_limit
        for update skip locked
      ) w on true
      where o.place is not null or w.place is not null
      limit p_limit
    ) p;
  end if;
  if ready = '{}' and deferred = '{}' then
    ready := null;
    deferred := null;
    return;
  end if;
  if ready <> '{}' and not v_known.ranks @> v_ranks then
    perform queue._note_lanes(p_namespace, p_queue, v_ranks);
  end if;
  expires_at := taken_at + coalesce(
    p_visibility, (queue._get_config(p_namespace, p_queue)).default_visibility_timeout
  );
end
$$;
