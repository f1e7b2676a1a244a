-- queue._namespaces_between: the first namespaces behind one and up to another that have jobs of some queues to be taken.
--
-- Goes from namespace to namespace in the indexes, and no further than it has to.
--
-- Takes    p_until  null for all that follow
--          p_limit  the most namespaces
create function queue._namespaces_between(p_after text, p_until text, p_queues text[], p_limit int)
returns text[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return array(
    with recursive namespaces (namespace) as (
      select p_after collate "C"
      union all
      select least(
        (select r.namespace from queue.ready r where r.namespace > n.namespace order by r.namespace limit 1),
        (select d.namespace from queue.deferred d where d.namespace > n.namespace order by d.namespace limit 1)
      )
      from namespaces n
      where n.namespace is not null and (p_until is null or n.namespace < p_until)
    )
    select n.namespace
    from namespaces n
    where n.namespace > p_after
      and (p_until is null or n.namespace <= p_until)
      and exists (
        select
        from unnest(p_queues) q (queue)
        where (
            select r.position
            from queue.ready r
            where r.namespace = n.namespace and r.queue = q.queue
            order by r.rank, r.position
            limit 1
          ) is not null
          or (
            select d.run_at
            from queue.deferred d
            where d.namespace = n.namespace and d.queue = q.queue and d.run_at <= clock_timestamp()
            order by d.run_at
            limit 1
          ) is not null
      )
    limit p_limit
  );
end
$$;
