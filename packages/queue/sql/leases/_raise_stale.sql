-- queue._raise_stale: refuses a call on a job that is no longer the caller's.
--
-- Raises   FENCE_STALE (40001)
create function queue._raise_stale(p_job_id bigint)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  raise exception 'job % is not held with this fence: it ran out of time, was settled, or was taken anew', p_job_id
    using errcode = '40001', hint = 'postkit:queue:FENCE_STALE';
end
$$;
