-- queue._validate_schedule_name: refuses what cannot be a schedule's name.
--
-- Raises   VAL_SCHEDULE_NAME_NULL (22004) · VAL_SCHEDULE_NAME_EMPTY (22026) · VAL_SCHEDULE_NAME_TOO_LONG (22001)
--          · VAL_SCHEDULE_NAME_INVALID_CHARS (22023) · VAL_SCHEDULE_NAME_WHITESPACE (22023)
create function queue._validate_schedule_name(p_value text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_violation text := queue._name_violation(p_value, 256);
begin
  if v_violation is not null then
    perform queue._refuse_name(v_violation, 'name', 'VAL_SCHEDULE_NAME', 256);
  end if;
end
$$;
