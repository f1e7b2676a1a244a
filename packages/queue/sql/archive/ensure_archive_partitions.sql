-- queue.ensure_archive_partitions: makes the partitions of the archive that are missing, from today on.
--
-- Runs at install, and then through queue.maintain.
--
-- Takes    p_days_ahead  how many days after today, 0 to 366
-- Returns  the names of the partitions it made
-- Raises   VAL_DAY_OUT_OF_RANGE (22023)
-- Writes   queue.archive · Locks queue.archive, queue.archive_default, when one is missing
-- Example  select * from queue.ensure_archive_partitions();
create function queue.ensure_archive_partitions(p_days_ahead int default 7)
returns setof text
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
set timezone = 'UTC'
as $$
declare
  v_day date;
  v_name text;
begin
  if p_days_ahead is null or p_days_ahead not between 0 and 366 then
    raise exception 'days_ahead must be from 0 to 366'
      using errcode = '22023', hint = 'postkit:queue:VAL_DAY_OUT_OF_RANGE';
  end if;
  -- Today first: it takes the strongest locks, and these are never taken after weaker ones.
  for v_day in
    select clock_timestamp()::date + i from generate_series(0, p_days_ahead) i order by i
  loop
    v_name := queue.create_archive_partition(v_day);
    if v_name is not null then
      return next v_name;
    end if;
  end loop;
end
$$;
