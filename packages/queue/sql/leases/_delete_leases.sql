-- queue._delete_leases: deletes leases that are locked, by their places and by nothing else, whatever statistics say.
--
-- Returns  the leases as they were
create function queue._delete_leases(p_places tid[])
returns setof queue.leases
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_indexscan = off
set enable_bitmapscan = off
as $$
begin
  return query
    delete from queue.leases l
    where l.ctid = any (p_places)
    returning l.*;
end
$$;
