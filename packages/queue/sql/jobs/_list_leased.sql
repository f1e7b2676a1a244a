-- queue._list_leased: the jobs that run with the lowest ids after one, of a queue or of all.
--
-- Takes    p_after  an id
create function queue._list_leased(p_namespace text, p_queue text, p_after bigint, p_limit int)
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
    from queue.leases l
    cross join lateral queue._leased_job(l) j
    where l.namespace = p_namespace and l.id > p_after and (p_queue is null or l.queue = p_queue)
    order by l.id
    limit p_limit;
end
$$;
