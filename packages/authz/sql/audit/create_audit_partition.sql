-- authz.create_audit_partition: makes the partition of the audit for a month, in UTC.
--
-- Events of that month which fell into the default partition for want of one move along. Grants that come meanwhile
-- wait, and none fails. For a month that is under way or over, those that are under way end first: set lock_timeout
-- where transactions may stay open, and call it in a transaction of its own.
--
-- Takes    p_year   1970 to 9999
--          p_month  1 to 12
-- Returns  the partition's name, audit_events_y2026m01; null when it is there already
-- Raises   VAL_YEAR_OUT_OF_RANGE (22023) · VAL_MONTH_OUT_OF_RANGE (22023)
-- Writes   authz.audit_events · Locks authz.audit_events, authz.audit_events_default
-- Example  select authz.create_audit_partition(2026, 1);
create function authz.create_audit_partition(p_year int, p_month int)
returns text
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
declare
  v_from timestamptz;
  v_name text;
begin
  if p_year is null or p_year not between 1970 and 9999 then
    raise exception 'year must be from 1970 to 9999'
      using errcode = '22023', hint = 'postkit:authz:VAL_YEAR_OUT_OF_RANGE';
  end if;
  if p_month is null or p_month not between 1 and 12 then
    raise exception 'month must be from 1 to 12'
      using errcode = '22023', hint = 'postkit:authz:VAL_MONTH_OUT_OF_RANGE';
  end if;
  v_from := make_timestamptz(p_year, p_month, 1, 0, 0, 0);
  v_name := to_char(v_from, '"audit_events_y"YYYY"m"MM');
  if exists (select from authz._audit_partitions() p where p.partition_name = v_name) then
    return null;
  end if;

  -- An event on its way into the default partition is refused there once its month has a partition. So where one may
  -- come it has to wait at the parent, before it chose; so do readers, lest one that goes on to write meets us midway.
  if v_from > clock_timestamp() + interval '1 day' then
    lock table only authz.audit_events in share update exclusive mode;
  else
    lock table only authz.audit_events in access exclusive mode;
  end if;
  lock table authz.audit_events_default in access exclusive mode;
  if exists (select from authz._audit_partitions() p where p.partition_name = v_name) then
    return null;
  end if;

  perform authz._attach_audit_partition(v_name, v_from, v_from + interval '1 month');
  return v_name;
end
$$;
