-- queue._delete_expired_archive: deletes jobs that their queue does not keep any more.
--
-- Takes    p_before  nothing from then on has expired
--          p_depth   how many of the oldest ones it looks at
--          p_share   and how much of all, in percent, wherever that is
create function queue._delete_expired_archive(p_before timestamptz, p_now timestamptz, p_depth int, p_share real)
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
      select a.namespace, a.queue, a.id, a.finished_at
      from queue.archive a
      where a.finished_at < p_before
      order by a.finished_at
      limit p_depth
    )
    union
    select a.namespace, a.queue, a.id, a.finished_at
    from queue.archive a tablesample system (p_share)
    where a.finished_at < p_before
  )
  delete from queue.archive a
  using old o
  join queue.config g on g.namespace = 'global' and g.queue = ''
  left join queue.config n on n.namespace = o.namespace and n.queue = ''
  left join queue.config q on q.namespace = o.namespace and q.queue = o.queue
  where o.finished_at < p_now - coalesce(q.retention, n.retention, g.retention)
    and a.namespace = o.namespace
    and a.id = o.id
    and a.finished_at = o.finished_at;
end
$$;
