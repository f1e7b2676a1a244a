-- queue._advance_floor: moves the floors of one queue up, when it took long to get past what was taken there.
--
-- Takes    p_ranks     of its lanes, in order
--          p_mark      positions up to this one are there to be seen, or will never be
--          p_worth_it  moves them when the way took longer than this
-- Returns  the lanes in which no job is to be seen
create function queue._advance_floor(
  p_namespace text,
  p_queue text,
  p_ranks int[],
  p_mark bigint,
  p_worth_it interval
)
returns int[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
  v_lowest constant bigint := -9223372036854775808;
  v_highest constant bigint := 9223372036854775807;
  v_floor queue.floors;
  v_from_ranks int[] := array[-2147483648];
  v_from_positions bigint[] := array[v_lowest];
  v_to_ranks int[] := '{}';
  v_to_positions bigint[] := '{}';
  v_empty int[] := '{}';
  v_is_worth_it boolean := false;
  v_began_at timestamptz;
  v_rank int;
  v_at int;
  v_returned bigint;
  v_new bigint;
begin
  -- Backwards, since what it takes the place of may still be there, dead.
  select f.*
  into v_floor
  from queue.floors f
  where f.namespace = p_namespace and f.queue = p_queue
  order by f.id desc
  limit 1;
  foreach v_rank in array p_ranks loop
    v_at := array_position(v_floor.from_ranks, v_rank);
    v_began_at := clock_timestamp();
    v_returned := queue._first_position(
      p_namespace, p_queue, v_rank, coalesce(v_floor.from_positions[v_at], v_lowest), 0
    );
    v_new := queue._first_position(
      p_namespace, p_queue, v_rank, coalesce(v_floor.from_positions[v_at + 1], 0), v_highest
    );
    v_is_worth_it := v_is_worth_it or clock_timestamp() > v_began_at + p_worth_it;
    if v_returned is null and v_new is null then
      v_empty := v_empty || v_rank;
    end if;
    v_to_ranks := v_to_ranks || v_rank || v_rank;
    v_to_positions := v_to_positions || v_lowest || 0::bigint;
    v_from_ranks := v_from_ranks || v_rank || v_rank;
    v_from_positions := v_from_positions
      || least(v_returned - 1, p_mark - queue._returned_offset()) || least(v_new - 1, p_mark);
  end loop;
  if not v_is_worth_it then
    return v_empty;
  end if;
  insert into queue.floors (namespace, queue, from_ranks, from_positions, to_ranks, to_positions)
  values (
    p_namespace, p_queue, v_from_ranks, v_from_positions, v_to_ranks || 2147483647, v_to_positions || v_highest
  );
  delete from queue.floors f
  where f.namespace = p_namespace and f.queue = p_queue and f.id <= v_floor.id;
  return v_empty;
end
$$;
