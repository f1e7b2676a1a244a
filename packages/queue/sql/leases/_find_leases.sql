-- queue._find_leases: where the leases of jobs are that are held with their fences, in the order of their ids.
create function queue._find_leases(p_namespace text, p_job_ids bigint[], p_fences bigint[])
returns tid[]
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_memoize = off
as $$
begin
  return array(
    select l.place
    from (
      select s.id, s.fence
      from unnest(p_job_ids, p_fences) s (id, fence)
      order by s.id
    ) s
    cross join lateral (
      select l.ctid as place
      from queue.leases l
      where l.namespace = p_namespace and l.id = s.id and l.fence = s.fence
      offset 0
    ) l
  );
end
$$;
