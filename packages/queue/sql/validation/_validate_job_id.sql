-- queue._validate_job_id: refuses a job id that is null.
--
-- Raises   VAL_JOB_ID_NULL (22004)
create function queue._validate_job_id(p_value bigint)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_value is null then
    raise exception 'job_id is null'
      using errcode = '22004', hint = 'postkit:queue:VAL_JOB_ID_NULL';
  end if;
end
$$;
