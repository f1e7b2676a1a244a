-- queue._find_ready: where a job is in queue.ready; null when it is not there.
--
-- There is no index by id on what changes most: a job that did not move has its id for a position, and is probed for in
-- each queue and priority that has jobs. An order by what is the same leaves one index only, without sorts.
create function queue._find_ready(p_namespace text, p_job_id bigint)
returns tid
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
  v_place tid;
begin
  select r.ctid
  into v_place
  from queue.ready r
  where r.namespace = p_namespace and r.id >= p_job_id and r.id <= p_job_id and r.position <> r.id
  order by r.id
  limit 1;
  if found then
    return v_place;
  end if;
  with recursive lanes (queue, rank) as (
    (
      select r.queue, r.rank
      from queue.ready r
      where r.namespace = p_namespace
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
  )
  select f.place
  into v_place
  from lanes l
  cross join lateral (
    select r.ctid as place
    from queue.ready r
    where r.namespace = p_namespace and r.queue = l.queue and r.rank = l.rank and r.position = p_job_id
      and r.id = p_job_id
    limit 1
  ) f
  limit 1;
  return v_place;
end
$$;
