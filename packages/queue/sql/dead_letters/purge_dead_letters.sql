-- queue.purge_dead_letters: deletes old dead letters that nobody retried; queue.maintain deletes those that were.
--
-- Takes    p_queue       only those of this queue
--          p_older_than  by the time they failed
-- Returns  how many
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_INTERVAL_TOO_LARGE (22023)
-- Writes   queue.dead_letters
-- Example  select queue.purge_dead_letters('acme', p_older_than => '7 days');
create function queue.purge_dead_letters(
  p_namespace text,
  p_queue text default null,
  p_older_than interval default '30 days'
)
returns int
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_count int;
begin
  perform queue._validate_namespace(p_namespace);
  if p_queue is not null then
    perform queue._validate_names(p_namespace, p_queue);
  end if;
  perform queue._validate_interval_size(p_older_than, 'older_than');
  perform queue._validate_pull(p_namespace, null);
  delete from queue.dead_letters d
  where d.namespace = p_namespace
    and (p_queue is null or d.queue = p_queue)
    and d.retried_at is null
    and d.failed_at < clock_timestamp() - coalesce(p_older_than, interval '30 days');
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
