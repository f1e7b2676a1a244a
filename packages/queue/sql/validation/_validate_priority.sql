-- queue._validate_priority: refuses a priority that is not from -1000 to 1000; null stands for 0.
--
-- Raises   VAL_PRIORITY_RANGE (22023)
create function queue._validate_priority(p_priority int)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_priority not between -1000 and 1000 then
    raise exception 'priority is %, it must be from -1000 to 1000', p_priority
      using errcode = '22023', hint = 'postkit:queue:VAL_PRIORITY_RANGE';
  end if;
end
$$;
