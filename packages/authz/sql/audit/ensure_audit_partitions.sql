-- authz.ensure_audit_partitions: makes the partitions of the audit that are missing, from this month on.
--
-- Runs at install, and should from then on every month or more often: as authz.create_audit_partition, month by month.
--
-- Takes    p_months_ahead  how many months after this one, 0 to 120
-- Returns  the names of the partitions it made
-- Raises   VAL_MONTH_OUT_OF_RANGE (22023)
-- Writes   authz.audit_events · Locks authz.audit_events, authz.audit_events_default, when one is missing
-- Example  select * from authz.ensure_audit_partitions();
create function authz.ensure_audit_partitions(p_months_ahead int default 3)
returns setof text
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
set timezone = 'UTC'
as $$
declare
  v_month timestamptz;
  v_name text;
begin
  if p_months_ahead is null or p_months_ahead not between 0 and 120 then
    raise exception 'months_ahead must be from 0 to 120'
      using errcode = '22023', hint = 'postkit:authz:VAL_MONTH_OUT_OF_RANGE';
  end if;
  -- This month first: it takes the strongest locks, and these are never taken after weaker ones.
  for v_month in
    select m
    from generate_series(0, p_months_ahead) i
    cross join lateral (select date_trunc('month', clock_timestamp()) + make_interval(months => i)) s (m)
    order by i
  loop
    v_name := authz.create_audit_partition(extract(year from v_month)::int, extract(month from v_month)::int);
    if v_name is not null then
      return next v_name;
    end if;
  end loop;
end
$$;
