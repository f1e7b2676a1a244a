-- queue._next_due_global: when the next deferred job of some queues may run in any namespace; null when there is none, or
-- they are paused.
--
-- Takes    p_after  only those that may run later than this
create function queue._next_due_global(p_queues text[], p_after timestamptz)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
set enable_memoize = off
as $$
begin
  return (
    with recursive namespaces (namespace) as (
      (select d.namespace from queue.deferred d order by d.namespace limit 1)
      union all
      select (select d.namespace from queue.deferred d where d.namespace > n.namespace order by d.namespace limit 1)
      from namespaces n
      where n.namespace is not null
    )
    select min(d.run_at)
    from namespaces n
    cross join unnest(p_queues) q (queue)
    cross join lateral (
      select d.run_at
      from queue.deferred d
      where d.namespace = n.namespace and d.queue = q.queue and d.run_at > p_after
      order by d.run_at
      limit 1
    ) d
    where n.namespace is not null
      and coalesce(
        (select c.paused_at from queue.config c where c.namespace = n.namespace and c.queue = q.queue),
        (select c.paused_at from queue.config c where c.namespace = n.namespace and c.queue = '')
      ) is null
  );
end
$$;
