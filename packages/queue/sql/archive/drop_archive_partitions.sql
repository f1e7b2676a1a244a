-- queue.drop_archive_partitions: ends the retention of jobs that have ended: drops the days that no queue of any namespace
-- keeps any more.
--
-- The longest retention that is set anywhere decides; queue.maintain deletes what single queues keep for a shorter time.
--
-- Returns  the names of the partitions that are gone
-- Writes   queue.archive · Locks queue.archive, queue.archive_default, when one goes
-- Example  select * from queue.drop_archive_partitions();
create function queue.drop_archive_partitions()
returns setof text
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
set timezone = 'UTC'
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
  v_end timestamptz;
  v_partition record;
begin
  perform set_config('postkit.maintenance', 'on', true);
  select clock_timestamp() - max(c.retention)
  into v_end
  from queue.config c;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
  for v_partition in
    select p.partition_name
    from queue._archive_partitions() p
    where p.to_time <= v_end and p.partition_name = to_char(p.from_time, '"archive_y"YYYY"m"MM"d"DD')
    order by p.from_time
  loop
    lock table only queue.archive in access exclusive mode;
    -- Another call may have dropped it while this one waited.
    if to_regclass(format('queue.%I', v_partition.partition_name)) is not null then
      execute format('alter table queue.archive detach partition queue.%I', v_partition.partition_name);
      execute format('drop table queue.%I', v_partition.partition_name);
      return next v_partition.partition_name;
    end if;
  end loop;
end
$$;
