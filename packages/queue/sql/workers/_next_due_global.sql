-- queue._next_due_global: when the next deferred job of some queues may run in any namespace; null when there is none.
--
-- Takes    p_after  only those that may run later than this
create function queue._next_due_global(p_queues text[], p_after timestamptz)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
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
    select min(queue._next_due(n.namespace, p_queues, p_after))
    from namespaces n
    where n.namespace is not null
  );
end
$$;
