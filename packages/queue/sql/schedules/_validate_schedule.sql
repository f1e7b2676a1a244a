-- queue._validate_schedule: refuses what cannot be a schedule.
--
-- Raises   what queue._validate_names, queue._validate_schedule_name, queue._validate_priority,
--          queue._validate_max_attempts, queue._validate_payload, queue._validate_cron_expression,
--          queue._validate_timezone, queue._validate_schedule_interval and queue._assert_tenant raise
--          · BIZ_SCHEDULE_REQUIRES_SCHEDULE (22023) · BIZ_SCHEDULE_CRON_AND_INTERVAL (22023)
--          · VAL_POLICY_UNKNOWN (22023) · VAL_CATCH_UP_MAX_RANGE (22023) · VAL_METADATA_INVALID (22023)
create function queue._validate_schedule(p_schedule queue.schedules)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_namespace(p_schedule.namespace);
  perform queue._validate_schedule_name(p_schedule.name);
  perform queue._validate_key_size(p_schedule.namespace, p_schedule.name);
  perform queue._validate_names(p_schedule.namespace, p_schedule.queue);
  perform queue._validate_priority(p_schedule.priority);
  perform queue._validate_max_attempts(p_schedule.max_attempts);
  perform queue._validate_payload(p_schedule.payload);
  if p_schedule.cron_expression is null and p_schedule.every_interval is null then
    raise exception 'a schedule needs a cron_expression or an every_interval'
      using errcode = '22023', hint = 'postkit:queue:BIZ_SCHEDULE_REQUIRES_SCHEDULE';
  end if;
  if p_schedule.cron_expression is not null and p_schedule.every_interval is not null then
    raise exception 'a schedule has a cron_expression or an every_interval, not both'
      using errcode = '22023', hint = 'postkit:queue:BIZ_SCHEDULE_CRON_AND_INTERVAL';
  end if;
  if p_schedule.cron_expression is not null then
    perform queue._validate_cron_expression(p_schedule.cron_expression);
    perform queue._validate_timezone(p_schedule.cron_timezone);
  else
    perform queue._validate_schedule_interval(p_schedule.every_interval);
  end if;
  if p_schedule.catch_up is null or p_schedule.catch_up not in ('none', 'one', 'all') then
    raise exception 'catch_up must be none, one or all'
      using errcode = '22023', hint = 'postkit:queue:VAL_POLICY_UNKNOWN';
  end if;
  if p_schedule.overlap is null or p_schedule.overlap not in ('allow', 'skip') then
    raise exception 'overlap must be allow or skip'
      using errcode = '22023', hint = 'postkit:queue:VAL_POLICY_UNKNOWN';
  end if;
  if p_schedule.catch_up_max is null or p_schedule.catch_up_max not between 1 and 1000 then
    raise exception 'catch_up_max must be from 1 to 1000'
      using errcode = '22023', hint = 'postkit:queue:VAL_CATCH_UP_MAX_RANGE';
  end if;
  if jsonb_typeof(p_schedule.metadata) <> 'object' then
    raise exception 'metadata of a schedule must be an object'
      using errcode = '22023', hint = 'postkit:queue:VAL_METADATA_INVALID';
  end if;
  perform queue._assert_tenant(p_schedule.namespace);
end
$$;
