-- queue._complete: ends the leases of jobs that are done, as far as they are held with their fences.
--
-- Returns  the ids of those that are not
create function queue._complete(p_namespace text, p_job_ids bigint[], p_fences bigint[])
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_done bigint[];
begin
  begin
    v_done := queue._end_leases(p_namespace, queue._find_leases(p_namespace, p_job_ids, p_fences), false);
  exception
    -- A heartbeat may have moved one, or somebody held it until its time was over. All are let go first, so that they are
    -- locked in the order of their ids whatever was had already; once they are, nothing moves and nothing is waited for.
    when sqlstate 'PK002' then
      v_done := queue._end_leases(p_namespace, queue._lock_leases(p_namespace, p_job_ids, p_fences), true);
  end;
  if cardinality(v_done) = cardinality(p_job_ids) then
    return '{}';
  end if;
  return array(select s.id from unnest(p_job_ids) s (id) where s.id <> all (v_done));
end
$$;
