-- queue._validate_fence: refuses a fence that is null.
--
-- Raises   VAL_FENCE_NULL (22004)
create function queue._validate_fence(p_value bigint)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_value is null then
    raise exception 'fence is null'
      using errcode = '22004', hint = 'postkit:queue:VAL_FENCE_NULL';
  end if;
end
$$;
