-- queue.update_schedule: changes some of a schedule.
--
-- Takes    p_changes  an object of what is to change, by the names of queue.create_schedule's parameters without p_, but
--                     name and is_active; a cron_expression takes the place of an every_interval and the other way around
-- Returns  whether there is such a schedule
-- Raises   what queue.create_schedule raises, but BIZ_SCHEDULE_DUPLICATE · VAL_CHANGES_INVALID (22023)
-- Writes   queue.schedules
-- Example  select queue.update_schedule('acme', 'digest', '{"cron_expression": "0 8 * * *"}');
create function queue.update_schedule(p_namespace text, p_name text, p_changes jsonb)
returns boolean
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_schedule queue.schedules;
  v_unknown text;
begin
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_schedule_name(p_name);
  perform queue._validate_pull(p_namespace, null);
  if jsonb_typeof(p_changes) is distinct from 'object' then
    raise exception 'changes must be an object'
      using errcode = '22023', hint = 'postkit:queue:VAL_CHANGES_INVALID';
  end if;
  select k.key
  into v_unknown
  from jsonb_object_keys(p_changes) k (key)
  where k.key not in (
    'queue', 'payload', 'priority', 'max_attempts', 'tags', 'metadata', 'cron_expression', 'cron_timezone',
    'every_interval', 'catch_up', 'catch_up_max', 'overlap'
  )
  limit 1;
  if v_unknown is not null then
    raise exception 'a schedule has no % to change', quote_literal(v_unknown)
      using errcode = '22023', hint = 'postkit:queue:VAL_CHANGES_INVALID';
  end if;
  select s.*
  into v_schedule
  from queue.schedules s
  where s.namespace = p_namespace and s.name = p_name
  for update;
  if not found then
    return false;
  end if;
  if p_changes ->> 'cron_expression' is not null and not p_changes ? 'every_interval' then
    v_schedule.every_interval := null;
  elsif p_changes ->> 'every_interval' is not null and not p_changes ? 'cron_expression' then
    v_schedule.cron_expression := null;
  end if;
  begin
    v_schedule := jsonb_populate_record(v_schedule, p_changes - 'payload');
  exception
    when data_exception then
      raise exception 'changes cannot be read: %', sqlerrm
        using errcode = '22023', hint = 'postkit:queue:VAL_CHANGES_INVALID';
  end;
  -- The JSON value null is a payload, which the function above would read as none.
  if p_changes ? 'payload' then
    v_schedule.payload := p_changes -> 'payload';
  end if;
  v_schedule.priority := coalesce(v_schedule.priority, 0);
  v_schedule.max_attempts := coalesce(v_schedule.max_attempts, 3);
  v_schedule.tags := coalesce(v_schedule.tags, '{}');
  perform queue._validate_schedule(v_schedule);
  perform queue._change_schedule(v_schedule);
  return true;
end
$$;
