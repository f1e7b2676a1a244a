-- queue._due_schedules: locks the schedules whose time has come, those that were to run first, passing over those that
-- others are just running.
create function queue._due_schedules(p_namespace text, p_limit int, p_now timestamptz)
returns setof queue.schedules
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  if p_namespace is null then
    return query
      select s.*
      from queue.schedules s
      where s.is_active and s.next_run_at <= p_now
      order by s.next_run_at
      limit p_limit
      for update skip locked;
  else
    return query
      select s.*
      from queue.schedules s
      where s.is_active and s.namespace = p_namespace and s.next_run_at <= p_now
      order by s.next_run_at
      limit p_limit
      for update skip locked;
  end if;
end
$$;
