-- queue._validate_settlement: refuses what cannot be ids of jobs with their fences.
--
-- Raises   VAL_ACK_BATCH_LENGTH (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_JOB_ID_NULL (22004)
--          · VAL_FENCE_NULL (22004) · VAL_ACK_BATCH_DUPLICATE_JOB (22023)
create function queue._validate_settlement(p_job_ids bigint[], p_fences bigint[])
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_job_ids is null and p_fences is null or p_job_ids = '{}' and p_fences = '{}' then
    return;
  end if;
  if (p_job_ids is null) <> (p_fences is null) or cardinality(p_job_ids) <> cardinality(p_fences) then
    raise exception 'job_ids and fences must have the same number of elements'
      using errcode = '22023', hint = 'postkit:queue:VAL_ACK_BATCH_LENGTH';
  end if;
  -- Tested here, since a call costs more than what it does.
  if cardinality(p_job_ids) > 1000 then
    perform queue._validate_batch_size(cardinality(p_job_ids), 'job_ids');
  end if;
  if array_position(p_job_ids, null) is not null then
    perform queue._validate_job_id(null);
  end if;
  if array_position(p_fences, null) is not null then
    perform queue._validate_fence(null);
  end if;
  if cardinality(p_job_ids) > 1 then
    if cardinality(p_job_ids) > (select count(distinct j.id) from unnest(p_job_ids) j (id)) then
      raise exception 'job_ids names a job twice'
        using errcode = '22023', hint = 'postkit:queue:VAL_ACK_BATCH_DUPLICATE_JOB';
    end if;
  end if;
end
$$;
