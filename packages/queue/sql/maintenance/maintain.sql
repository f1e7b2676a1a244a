-- queue.maintain: does what has to be done every few seconds, for all namespaces: takes jobs back from workers that are
-- gone, pushes the jobs of schedules, forgets dead workers, and looks after floors and archive.
--
-- Workers of the client call it; without them pg_cron or any other clock may. One call works at a time, others return at
-- once. What goes wrong in one part does not hinder the others. Runs as its owner and returns no more than counts.
--
-- Takes    p_unless_within  returns at once when it ran that lately, so that many callers do no more than one
-- Returns  one row: is_leader, false when another call was or is at it; how many jobs timed out, how many schedules ran,
--          and what went wrong
-- Writes   all tables · Locks queue.upkeep
-- Example  select * from queue.maintain();
create function queue.maintain(p_unless_within interval default '0')
returns table (is_leader boolean, timed_out int, scheduled int, problems text[])
language plpgsql
volatile
security definer
set search_path = queue, pg_temp
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
begin
  timed_out := 0;
  scheduled := 0;
  problems := '{}';
  perform set_config('postkit.maintenance', 'on', true);
  is_leader := exists (
    select
    from queue.upkeep u
    where u.ran_at <= clock_timestamp() - coalesce(p_unless_within, interval '0')
    for update skip locked
  );
  if is_leader then
    begin
      select count(*)
      into timed_out
      from queue._time_out(
        null, 1000, coalesce((select m.expires_after from queue.marks m order by m.id desc limit 1), '-infinity')
      );
    exception
      when others then
        problems := problems || ('timeouts: ' || sqlerrm);
    end;
    begin
      select count(*) into scheduled from queue.tick_schedules(null, 1000);
    exception
      when others then
        problems := problems || ('schedules: ' || sqlerrm);
    end;
    begin
      perform queue._forget_dead_workers();
      perform queue._advance_floors();
    exception
      when others then
        problems := problems || ('floors: ' || sqlerrm);
    end;
    begin
      perform queue._delete_expired_history(1000);
    exception
      when others then
        problems := problems || ('history: ' || sqlerrm);
    end;
    -- Last, since its locks are kept to the end.
    begin
      perform queue._look_after_partitions();
    exception
      when others then
        problems := problems || ('partitions: ' || sqlerrm);
    end;
    update queue.upkeep u set ran_at = clock_timestamp() where u.id = 1;
  end if;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
  return next;
end
$$;
