-- queue._schedule: a schedule as it was asked for, with what is null set to its default.
create function queue._schedule(
  p_namespace text,
  p_name text,
  p_queue text,
  p_payload jsonb,
  p_cron_expression text,
  p_cron_timezone text,
  p_every_interval interval,
  p_priority int,
  p_max_attempts int,
  p_tags text[],
  p_is_active boolean,
  p_catch_up text,
  p_catch_up_max int,
  p_overlap text,
  p_metadata jsonb
)
returns queue.schedules
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_schedule queue.schedules;
begin
  v_schedule.namespace := p_namespace;
  v_schedule.name := p_name;
  v_schedule.queue := p_queue;
  v_schedule.payload := p_payload;
  v_schedule.cron_expression := p_cron_expression;
  v_schedule.cron_timezone := p_cron_timezone;
  v_schedule.every_interval := p_every_interval;
  v_schedule.priority := coalesce(p_priority, 0);
  v_schedule.max_attempts := coalesce(p_max_attempts, 3);
  v_schedule.tags := coalesce(p_tags, '{}');
  v_schedule.is_active := coalesce(p_is_active, true);
  v_schedule.catch_up := p_catch_up;
  v_schedule.catch_up_max := p_catch_up_max;
  v_schedule.overlap := p_overlap;
  v_schedule.metadata := p_metadata;
  return v_schedule;
end
$$;
