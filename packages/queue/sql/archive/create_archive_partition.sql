-- queue.create_archive_partition: makes the partition of the archive for a day, in UTC.
--
-- Jobs of that day which fell into the default partition for want of one move along. Those that end meanwhile wait, and
-- none fails. For a day that is under way or over, transactions that are under way end first: set lock_timeout where
-- they may stay open.
--
-- Takes    p_day  1970-01-01 to 9999-12-30
-- Returns  the partition's name, archive_y2026m01d31; null when it is there already
-- Raises   VAL_DAY_OUT_OF_RANGE (22023)
-- Writes   queue.archive · Locks queue.archive, queue.archive_default
-- Example  select queue.create_archive_partition('2026-01-31');
create function queue.create_archive_partition(p_day date)
returns text
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
declare
  v_from timestamptz := p_day::timestamptz;
  v_name text := to_char(p_day, '"archive_y"YYYY"m"MM"d"DD');
begin
  if p_day is null or p_day not between '1970-01-01' and '9999-12-30' then
    raise exception 'day must be from 1970-01-01 to 9999-12-30'
      using errcode = '22023', hint = 'postkit:queue:VAL_DAY_OUT_OF_RANGE';
  end if;
  if exists (select from queue._archive_partitions() p where p.partition_name = v_name) then
    return null;
  end if;

  -- A job on its way into the default partition is refused there once its day has a partition. So where one may come it
  -- has to wait at the parent, before it chose; so do readers, lest one that goes on to write meets us midway.
  if v_from > clock_timestamp() + interval '1 hour' then
    lock table only queue.archive in share update exclusive mode;
  else
    lock table only queue.archive in access exclusive mode;
  end if;
  lock table queue.archive_default in access exclusive mode;
  if exists (select from queue._archive_partitions() p where p.partition_name = v_name) then
    return null;
  end if;

  perform queue._attach_archive_partition(v_name, v_from, v_from + interval '1 day');
  return v_name;
end
$$;
