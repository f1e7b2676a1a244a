-- queue._list_deferred: the deferred jobs with the lowest ids after one, of a queue or of all.
--
-- A queue that has few is read by an index of its own, since those of others may be many. One that has many is read in
-- the order of ids, past those of others: a page of a queue whose jobs are far between takes as long as these are many. An
-- order by what is the same leaves one index only, without sorts.
--
-- Takes    p_after  an id
create function queue._list_deferred(p_namespace text, p_queue text, p_after bigint, p_limit int)
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
declare
  v_few_max constant int := 999;
  v_few bigint[];
begin
  if p_queue is not null then
    v_few := array(
      select d.id
      from queue.deferred d
      where d.namespace = p_namespace and d.queue = p_queue
      order by d.run_at
      limit v_few_max + 1
    );
    if cardinality(v_few) <= v_few_max then
      return query
        select j.*
        from (
          select f.id
          from unnest(v_few) f (id)
          where f.id > p_after
          order by f.id
          limit p_limit
        ) f
        cross join lateral (
          select d
          from queue.deferred d
          where d.namespace = p_namespace and d.id >= f.id and d.id <= f.id
          order by d.id
          limit 1
        ) l (job)
        cross join lateral queue._deferred_job(l.job) j;
      return;
    end if;
  end if;
  return query
    select j.*
    from queue.deferred d
    cross join lateral queue._deferred_job(d) j
    where d.namespace = p_namespace and d.id > p_after and (p_queue is null or d.queue = p_queue)
    order by d.id
    limit p_limit;
end
$$;
