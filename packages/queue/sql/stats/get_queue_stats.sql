-- queue.get_queue_stats: how many jobs and dead letters each queue has, how long the oldest one waits, and whether the
-- queue is paused.
--
-- Takes    p_queue  only this queue
-- Returns  a row for each queue that has any or is paused, in the order of names; oldest_pending_seconds is below 0 where
--          all jobs are delayed, and null where none waits; dead_letters are those that were not retried
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select queue, pending, oldest_pending_seconds from queue.get_queue_stats('acme');
create function queue.get_queue_stats(p_namespace text, p_queue text default null)
returns table (
  queue text,
  pending bigint,
  running bigint,
  completed bigint,
  dead bigint,
  oldest_pending_seconds numeric,
  dead_letters bigint,
  is_paused boolean
)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_is_paused boolean;
begin
  perform queue._assert_readable(p_namespace);
  v_is_paused := exists (
    select
    from queue.config c
    where c.namespace = p_namespace and c.queue = '' and c.paused_at is not null
  );
  return query
    select coalesce(s.queue, l.queue, p.queue), coalesce(s.pending, 0), coalesce(s.running, 0), coalesce(s.completed, 0),
      coalesce(s.dead, 0), extract(epoch from clock_timestamp() - s.oldest_pending_at)::numeric,
      coalesce(l.letter_count, 0), v_is_paused or p.queue is not null
    from queue._count_jobs(p_namespace, p_queue) s
    full join (
      select d.queue, count(*) as letter_count
      from queue.dead_letters d
      where d.namespace = p_namespace and (p_queue is null or d.queue = p_queue) and d.retried_at is null
      group by d.queue
    ) l on l.queue = s.queue
    full join (
      select c.queue
      from queue.config c
      where c.namespace = p_namespace
        and c.queue <> ''
        and (p_queue is null or c.queue = p_queue)
        and c.paused_at is not null
    ) p on p.queue = coalesce(s.queue, l.queue)
    order by 1;
end
$$;
