-- queue._find_deferred: where a job is in queue.deferred; null when it is not there.
--
-- An order by what is the same leaves one index only, without sorts, whatever statistics say.
create function queue._find_deferred(p_namespace text, p_job_id bigint)
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
begin
  return (
    select d.ctid
    from queue.deferred d
    where d.namespace = p_namespace and d.id >= p_job_id and d.id <= p_job_id
    order by d.id
    limit 1
  );
end
$$;
