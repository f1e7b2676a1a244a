-- queue._validate_jobs: refuses many jobs for the first of them that cannot be pushed.
--
-- Raises   what queue._validate_job raises
create function queue._validate_jobs(p_namespace text, p_jobs queue.new_job[])
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_job record;
begin
  -- A call for each would cost as much as to push it. It is made for the first, which answers for the namespace and the
  -- tenant, and for those with which something is wrong.
  for v_job in
    select j.queue, j.payload, j.delay, j.run_at, j.priority, j.max_attempts, j.unique_key
    from unnest(p_jobs) j
    where j.index = 1
      or (
        (j.queue ~ '^[!-~]+$' and octet_length(j.queue) <= 256 or queue._name_violation(j.queue, 256) is null)
        and octet_length(p_namespace) + octet_length(j.queue) + coalesce(octet_length(j.unique_key), 0) <= 2500
        and coalesce(j.priority, 0) between -1000 and 1000
        and coalesce(j.max_attempts, 1) between 1 and 30
        and j.payload is not null
        and (j.delay is null or j.run_at is null)
        and coalesce(j.delay, '0') between interval '-1000 years' and interval '1000 years'
        and coalesce(j.run_at, now()) between now() - interval '1000 years' and now() + interval '1000 years'
      ) is not true
    order by j.index
  loop
    perform queue._validate_job(
      p_namespace, v_job.queue, v_job.payload, v_job.priority, v_job.max_attempts, v_job.unique_key, v_job.delay,
      v_job.run_at
    );
  end loop;
end
$$;
