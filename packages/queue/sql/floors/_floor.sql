-- queue._floor: where the jobs of a queue begin, as far as it is known: else the whole of it.
create function queue._floor(p_namespace text, p_queue text)
returns queue.floors
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
  v_floor queue.floors;
begin
  -- Backwards, since what it takes the place of may still be there, dead.
  select f.*
  into v_floor
  from queue.floors f
  where f.namespace = p_namespace and f.queue = p_queue
  order by f.id desc
  limit 1;
  if not found then
    v_floor.from_ranks := array[-2147483648];
    v_floor.from_positions := array[-9223372036854775808];
    v_floor.to_ranks := array[2147483647];
    v_floor.to_positions := array[9223372036854775807];
  end if;
  return v_floor;
end
$$;
