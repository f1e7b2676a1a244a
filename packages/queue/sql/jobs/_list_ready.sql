-- queue._list_ready: the ready jobs with the lowest ids after one, of a queue or of all.
--
-- Takes    p_after  an id
-- Returns  up to p_limit jobs of each queue and priority, and of those that came back
create function queue._list_ready(p_namespace text, p_queue text, p_after bigint, p_limit int)
returns setof queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return query
    select j.*
    from queue.ready r
    cross join lateral queue._ready_job(r) j
    where r.namespace = p_namespace
      and r.id > p_after
      and r.position <> r.id
      and (p_queue is null or r.queue = p_queue)
    order by r.id
    limit p_limit;
  return query
    with recursive lanes (queue, rank) as (
      (
        select r.queue, r.rank
        from queue.ready r
        where r.namespace = p_namespace and r.queue >= coalesce(p_queue, '')
        order by r.queue, r.rank
        limit 1
      )
      union all
      select n.queue, n.rank
      from lanes l
      cross join lateral (
        select r.queue, r.rank
        from queue.ready r
        where r.namespace = p_namespace and (r.queue, r.rank) > (l.queue, l.rank)
        order by r.queue, r.rank
        limit 1
      ) n
      where p_queue is null or n.queue = p_queue
    )
    select (p.job).*
    from lanes l
    cross join lateral (
      select queue._ready_job(r) as job
      from queue.ready r
      where r.namespace = p_namespace
        and r.queue = l.queue
        and r.rank = l.rank
        and r.position > p_after
        and r.position = r.id
      order by r.position
      limit p_limit
    ) p
    where p_queue is null or l.queue = p_queue;
end
$$;
