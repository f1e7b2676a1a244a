-- queue._run_schedule: pushes what a schedule whose time has come is to push, as its policies say.
--
-- Returns  the ids of the jobs; none when all was skipped
create function queue._run_schedule(p_schedule queue.schedules, p_now timestamptz)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_planned_at timestamptz;
  v_id bigint;
  v_ids bigint[] := '{}';
begin
  if p_schedule.overlap = 'skip' and queue._is_live(p_schedule.namespace, p_schedule.last_job_id) then
    return '{}';
  end if;
  foreach v_planned_at in array queue._planned_runs(p_schedule, p_now) loop
    v_id := queue._enqueue(
      p_schedule.namespace, p_schedule.queue, p_schedule.payload, null, p_schedule.priority, p_schedule.max_attempts,
      null, p_schedule.tags,
      coalesce(p_schedule.metadata, '{}') || jsonb_build_object('schedule', p_schedule.name, 'planned_at', v_planned_at)
    );
    v_ids := v_ids || v_id;
    perform queue._wake(
      p_schedule.namespace, p_schedule.queue,
      json_build_object('id', v_id, 'queue', p_schedule.queue, 'schedule', p_schedule.name)
    );
  end loop;
  return v_ids;
end
$$;
