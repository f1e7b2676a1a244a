-- queue._advance: lets time pass for the jobs and schedules of a namespace, for tests of applications: what is deferred,
-- leased or planned comes that much nearer.
--
-- Raises   VAL_NAMESPACE_NULL (22004) and its like · VAL_INTERVAL_TOO_LARGE (22023)
create function queue._advance(p_namespace text, p_by interval)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_interval_size(p_by, 'by');
  perform queue._validate_pull(p_namespace, null);
  update queue.deferred d
  set run_at = d.run_at - p_by
  where d.namespace = p_namespace;
  update queue.leases l
  set expires_at = l.expires_at - p_by
  where l.namespace = p_namespace;
  update queue.schedules s
  set next_run_at = s.next_run_at - p_by
  where s.namespace = p_namespace and s.is_active;
end
$$;
