-- queue._validate_cron_expression: refuses a cron expression that is malformed or selects no date that exists.
--
-- Raises   VAL_CRON_EMPTY (22026) · VAL_CRON_TOO_LONG (22001) · VAL_CRON_FIELDS (22023) · VAL_CRON_INVALID (22023)
--          · VAL_CRON_STEP_ZERO (22023)
create function queue._validate_cron_expression(p_cron text)
returns void
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
begin
  if queue._cron_next_date(queue._cron_parse(p_cron), date '2000-01-01') is null then
    raise exception 'cron expression never fires: no month that it names has such a day'
      using errcode = '22023', hint = 'postkit:queue:VAL_CRON_INVALID';
  end if;
end
$$;
