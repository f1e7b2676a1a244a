-- queue._free_keys: lets unique keys be used again.
--
-- Takes    p_queues, p_keys  a queue and a key of it each
create function queue._free_keys(p_namespace text, p_queues text[], p_keys text[])
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  for v_index in 1..cardinality(p_keys) loop
    delete from queue.unique_keys k
    where k.namespace = p_namespace and k.queue = p_queues[v_index] and k.key = p_keys[v_index];
  end loop;
end
$$;
