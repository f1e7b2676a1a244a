-- queue.next_due: when the next deferred job of some queues may run, which may be in the past.
--
-- Returns  null when there is none
-- Raises   VAL_NAMESPACE_NULL (22004) and its like · VAL_QUEUE_NULL (22004) and its like · VAL_BATCH_TOO_LARGE (22023)
-- Example  select queue.next_due('acme', array['email']);
create function queue.next_due(p_namespace text, p_queues text[])
returns timestamptz
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_queues(p_namespace, p_queues);
  perform queue._validate_pull(p_namespace, null);
  return queue._next_due(p_namespace, p_queues, '-infinity');
end
$$;
