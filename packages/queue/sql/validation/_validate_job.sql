-- queue._validate_job: refuses what cannot be pushed, in one call.
--
-- Raises   what queue._validate_names, queue._validate_priority, queue._validate_max_attempts, queue._validate_payload,
--          queue._validate_key_size, queue._assert_tenant, queue._validate_interval_size and queue._validate_run_at raise
--          · VAL_DELAY_AND_RUN_AT (22023)
create function queue._validate_job(
  p_namespace text,
  p_queue text,
  p_payload jsonb,
  p_priority int,
  p_max_attempts int,
  p_unique_key text,
  p_delay interval default null,
  p_run_at timestamptz default null
)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_names(p_namespace, p_queue);
  -- Tested here, since a call costs more than what it does.
  if p_priority not between -1000 and 1000 then
    perform queue._validate_priority(p_priority);
  end if;
  if p_max_attempts not between 1 and 30 then
    perform queue._validate_max_attempts(p_max_attempts);
  end if;
  if p_payload is null then
    perform queue._validate_payload(p_payload);
  end if;
  if p_unique_key is not null then
    perform queue._validate_key_size(p_namespace, p_queue, p_unique_key);
  end if;
  if current_setting('postkit.tenant_id', true) is distinct from p_namespace then
    perform queue._assert_tenant(p_namespace);
  end if;
  if p_delay is not null then
    if p_run_at is not null then
      raise exception 'a job has a delay or a run_at, not both'
        using errcode = '22023', hint = 'postkit:queue:VAL_DELAY_AND_RUN_AT';
    end if;
    perform queue._validate_interval_size(p_delay, 'delay');
  end if;
  if p_run_at is not null then
    perform queue._validate_run_at(p_run_at);
  end if;
end
$$;
