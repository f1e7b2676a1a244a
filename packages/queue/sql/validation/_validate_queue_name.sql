-- queue._validate_queue_name: refuses what cannot be a queue's name.
--
-- Raises   VAL_QUEUE_NULL (22004) · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001)
--          · VAL_QUEUE_INVALID_CHARS (22023) · VAL_QUEUE_WHITESPACE (22023)
create function queue._validate_queue_name(p_value text)
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
    perform queue._refuse_name(v_violation, 'queue', 'VAL_QUEUE', 256);
  end if;
end
$$;
