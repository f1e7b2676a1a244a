-- queue._lock_leases: locks the leases of jobs that are held with their fences, in the order of their ids.
--
-- Returns  where they are in queue.leases
create function queue._lock_leases(p_namespace text, p_job_ids bigint[], p_fences bigint[])
returns tid[]
language plpgsql
volatile
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
      for update
    ) l
  );
end
$$;
