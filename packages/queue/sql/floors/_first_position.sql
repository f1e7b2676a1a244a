-- queue._first_position: the first position of a lane between two; null when no job is there.
create function queue._first_position(p_namespace text, p_queue text, p_rank int, p_after bigint, p_before bigint)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return (
    select r.position
    from queue.ready r
    where r.namespace = p_namespace
      and r.queue = p_queue
      and r.rank = p_rank
      and r.position > p_after
      and r.position < p_before
    order by r.position
    limit 1
  );
end
$$;
