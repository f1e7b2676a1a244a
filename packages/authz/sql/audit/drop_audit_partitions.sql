-- authz.drop_audit_partitions: ends the retention of old events, by whole months in UTC.
--
-- A partition goes when its last event is older than that. One that is not named after its month is left alone, with a
-- WARNING; so are events in the default partition, until their month gets its own. Who reads or writes the audit
-- meanwhile waits, and those under way end first: set lock_timeout where transactions may stay open, and call it in a
-- transaction of its own.
--
-- Takes    p_older_than_months  how many months are kept before this one, 0 to 1200
-- Returns  the names of the partitions that are gone
-- Raises   VAL_MONTH_OUT_OF_RANGE (22023)
-- Writes   authz.audit_events · Locks authz.audit_events, authz.audit_events_default, when one goes
-- Example  select * from authz.drop_audit_partitions(24);
create function authz.drop_audit_partitions(p_older_than_months int default 84)
returns setof text
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
set timezone = 'UTC'
as $$
declare
  v_end timestamptz;
  v_partition record;
begin
  if p_older_than_months is null or p_older_than_months not between 0 and 1200 then
    raise exception 'older_than_months must be from 0 to 1200'
      using errcode = '22023', hint = 'postkit:authz:VAL_MONTH_OUT_OF_RANGE';
  end if;
  v_end := date_trunc('month', clock_timestamp()) - make_interval(months => p_older_than_months);
  for v_partition in
    select p.partition_name, p.to_time,
      coalesce(
        p.from_time = date_trunc('month', p.from_time)
          and p.to_time = p.from_time + interval '1 month'
          and p.partition_name = to_char(p.from_time, '"audit_events_y"YYYY"m"MM'),
        false
      ) as is_month
    from authz._audit_partitions() p
    order by p.from_time nulls first, p.partition_name
  loop
    if not v_partition.is_month then
      raise warning 'partition % is not named after its month and is left alone', v_partition.partition_name;
    elsif v_partition.to_time <= v_end then
      lock table only authz.audit_events in access exclusive mode;
      -- Another call may have dropped it while this one waited.
      if to_regclass(format('authz.%I', v_partition.partition_name)) is not null then
        execute format('alter table authz.audit_events detach partition authz.%I', v_partition.partition_name);
        execute format('drop table authz.%I', v_partition.partition_name);
        return next v_partition.partition_name;
      end if;
    end if;
  end loop;
end
$$;
