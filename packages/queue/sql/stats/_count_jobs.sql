-- queue._count_jobs: how many jobs each queue has, by state.
--
-- Takes    p_queue  null for all
-- Returns  a row for each queue that has any
create function queue._count_jobs(p_namespace text, p_queue text)
returns table (
  queue text,
  pending bigint,
  running bigint,
  completed bigint,
  dead bigint,
  cancelled bigint,
  oldest_pending_at timestamptz
)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return query
    select c.queue,
      coalesce(sum(c.job_count) filter (where c.status = 'pending'), 0)::bigint,
      coalesce(sum(c.job_count) filter (where c.status = 'running'), 0)::bigint,
      coalesce(sum(c.job_count) filter (where c.status = 'completed'), 0)::bigint,
      coalesce(sum(c.job_count) filter (where c.status = 'dead'), 0)::bigint,
      coalesce(sum(c.job_count) filter (where c.status = 'cancelled'), 0)::bigint,
      min(c.oldest_at)
    from (
      select r.queue, 'pending' as status, count(*) as job_count, min(coalesce(r.scheduled_at, r.created_at)) as oldest_at
      from queue.ready r
      where r.namespace = p_namespace and (p_queue is null or r.queue = p_queue)
      group by r.queue
      union all
      select d.queue, 'pending', count(*), min(d.run_at)
      from queue.deferred d
      where d.namespace = p_namespace and (p_queue is null or d.queue = p_queue)
      group by d.queue
      union all
      select l.queue, 'running', count(*), null
      from queue.leases l
      where l.namespace = p_namespace and (p_queue is null or l.queue = p_queue)
      group by l.queue
      union all
      select a.queue, a.status, count(*), null
      from queue.archive a
      where a.namespace = p_namespace and (p_queue is null or a.queue = p_queue)
      group by a.queue, a.status
    ) c
    group by c.queue;
end
$$;
