-- queue._look_after_partitions: makes the partitions of the coming days and drops those that nobody keeps any more.
--
-- Waits for nobody: what somebody else's lock forbids is done another time. Called by the owner in maintenance.
create function queue._look_after_partitions()
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set timezone = 'UTC'
set lock_timeout = '50ms'
as $$
begin
  if to_regclass(to_char(clock_timestamp() + interval '3 days', '"queue.archive_y"YYYY"m"MM"d"DD')) is null then
    perform queue.ensure_archive_partitions();
  end if;
  perform queue.drop_archive_partitions();
exception
  when lock_not_available then
    null;
end
$$;
