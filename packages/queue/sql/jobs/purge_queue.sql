-- queue.purge_queue: deletes all jobs of a queue that nobody has taken yet, delayed ones among them.
--
-- Returns  how many
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001)
-- Writes   queue.ready, queue.deferred, queue.unique_keys
-- Example  select queue.purge_queue('acme', 'email');
create function queue.purge_queue(p_namespace text, p_queue text)
returns int
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_count int;
  v_keys text[];
begin
  perform queue._validate_names(p_namespace, p_queue);
  perform queue._validate_pull(p_namespace, null);
  with from_ready as (
    delete from queue.ready r
    where r.namespace = p_namespace and r.queue = p_queue
    returning r.unique_key
  ),
  from_deferred as (
    delete from queue.deferred d
    where d.namespace = p_namespace and d.queue = p_queue
    returning d.unique_key
  ),
  purged as (
    select r.unique_key from from_ready r
    union all
    select d.unique_key from from_deferred d
  )
  select count(*), array_agg(p.unique_key) filter (where p.unique_key is not null)
  into v_count, v_keys
  from purged p;
  if v_keys is not null then
    perform queue._free_keys(p_namespace, array_fill(p_queue, array[cardinality(v_keys)]), v_keys);
  end if;
  return v_count;
end
$$;
