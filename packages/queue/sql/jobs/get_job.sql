-- queue.get_job: one job, whatever its state.
--
-- Returns  the job; nothing when it is not there, as one that was completed and is not kept
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_JOB_ID_NULL (22004)
-- Example  select status, attempts, error from queue.get_job('acme', 42);
create function queue.get_job(p_namespace text, p_job_id bigint)
returns setof queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  perform queue._assert_readable(p_namespace);
  perform queue._validate_job_id(p_job_id);
  return query
    select j.*
    from queue.leases l
    cross join lateral queue._leased_job(l) j
    where l.namespace = p_namespace and l.id = p_job_id
    union all
    select j.*
    from queue.deferred d
    cross join lateral queue._deferred_job(d) j
    where d.ctid = queue._find_deferred(p_namespace, p_job_id) and d.namespace = p_namespace
    union all
    select j.*
    from queue.archive a
    cross join lateral queue._archived_job(a) j
    where a.namespace = p_namespace and a.id = p_job_id;
  if not found then
    return query
      select j.*
      from queue.ready r
      cross join lateral queue._ready_job(r) j
      where r.ctid = queue._find_ready(p_namespace, p_job_id) and r.namespace = p_namespace;
  end if;
end
$$;
