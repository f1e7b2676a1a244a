-- queue._validate_queues: refuses what cannot be names of queues; no queues are allowed.
--
-- Raises   what queue._validate_names raises · VAL_QUEUE_NULL (22004) · VAL_BATCH_TOO_LARGE (22023)
create function queue._validate_queues(p_namespace text, p_queues text[])
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_queue text;
begin
  if p_queues is null or p_queues = '{}' then
    perform queue._validate_namespace(p_namespace);
  end if;
  if p_queues is null then
    perform queue._validate_queue_name(null);
  end if;
  -- Tested here, since a call costs more than what it does.
  if cardinality(p_queues) > 1000 then
    perform queue._validate_batch_size(cardinality(p_queues), 'queues');
  end if;
  foreach v_queue in array p_queues loop
    perform queue._validate_names(p_namespace, v_queue);
  end loop;
end
$$;
