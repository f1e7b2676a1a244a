-- queue._next_due: when the next deferred job of some queues may run; null when there is none, or they are
-- paused.
--
-- Takes    p_after  only those that may run later than this
create function queue._next_due(p_namespace text, p_queues text[], p_after timestamptz)
returns timestamptz
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
  return (
    select min(d.run_at)
    from unnest(p_queues) q (queue)
    cross join lateral (
      select d.run_at
      from queue.deferred d
      where d.namespace = p_namespace and d.queue = q.queue and d.run_at > p_after
      order by d.run_at
      limit 1
    ) d
    where coalesce(
      (select c.paused_at from queue.config c where c.namespace = p_namespace and c.queue = q.queue),
      (select c.paused_at from queue.config c where c.namespace = p_namespace and c.queue = '')
    ) is null
  );
end
$$;
