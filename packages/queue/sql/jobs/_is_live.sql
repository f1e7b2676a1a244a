-- queue._is_live: whether a job waits or runs, all looked at in one moment.
create function queue._is_live(p_namespace text, p_job_id bigint)
returns boolean
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return exists (select from queue.leases l where l.namespace = p_namespace and l.id = p_job_id)
    or queue._find_deferred(p_namespace, p_job_id) is not null
    or queue._find_ready(p_namespace, p_job_id) is not null;
end
$$;
