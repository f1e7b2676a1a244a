-- queue._namespaces_after: the namespaces that have jobs of some queues to be taken, from the one after a namespace on and
-- around.
create function queue._namespaces_after(p_after text, p_queues text[])
returns text[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return array(
    with recursive namespaces (namespace) as (
      select queue._namespace_after('')
      union all
      select queue._namespace_after(n.namespace)
      from namespaces n
      where n.namespace is not null
    )
    select n.namespace
    from namespaces n
    where exists (
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
    order by n.namespace <= coalesce(p_after, ''), n.namespace
  );
end
$$;
