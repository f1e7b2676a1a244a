-- queue._list_archived: the jobs that have ended with the lowest ids after one, of a queue or of all.
--
-- An order by what is the same leaves one index only, without sorts.
--
-- Takes    p_status  completed, dead or cancelled; null for all
--          p_after   an id
create function queue._list_archived(p_namespace text, p_queue text, p_status text, p_after bigint, p_limit int)
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
  if p_queue is null then
    return query
      select j.*
      from queue.archive a
      cross join lateral queue._archived_job(a) j
      where a.namespace = p_namespace and a.id > p_after and (p_status is null or a.status = p_status)
      order by a.id
      limit p_limit;
  else
    return query
      select j.*
      from queue.archive a
      cross join lateral queue._archived_job(a) j
      where a.namespace = p_namespace and (a.queue, a.id) > (p_queue, p_after) and a.queue <= p_queue
        and (p_status is null or a.status = p_status)
      order by a.queue, a.id
      limit p_limit;
  end if;
end
$$;
