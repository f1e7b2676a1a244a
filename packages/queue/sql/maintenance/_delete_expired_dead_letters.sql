-- queue._delete_expired_dead_letters: deletes retried dead letters that their queue does not keep any more.
--
-- Takes    p_before  nothing from then on has expired
--          p_depth   how many of the oldest ones it looks at
--          p_share   and how much of all, in percent, wherever that is
create function queue._delete_expired_dead_letters(p_before timestamptz, p_now timestamptz, p_depth int, p_share real)
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
begin
  with old as (
    (
      select d.namespace, d.queue, d.id, d.retried_at
      from queue.dead_letters d
      where d.retried_at < p_before
      order by d.retried_at
      limit p_depth
    )
    union
    select d.namespace, d.queue, d.id, d.retried_at
    from queue.dead_letters d tablesample system (p_share)
    where d.retried_at < p_before
  )
  delete from queue.dead_letters d
  using old o
  join queue.config g on g.namespace = 'global' and g.queue = ''
  left join queue.config n on n.namespace = o.namespace and n.queue = ''
  left join queue.config q on q.namespace = o.namespace and q.queue = o.queue
  where o.retried_at < p_now - coalesce(q.retention, n.retention, g.retention)
    and d.namespace = o.namespace
    and d.id = o.id;
end
$$;
