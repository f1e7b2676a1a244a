-- queue._first_deadline: the first deadline of leases after one and up to another; null when there is none.
create function queue._first_deadline(p_after timestamptz, p_until timestamptz)
returns timestamptz
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
    select l.expires_at
    from queue.leases l
    where l.expires_at > p_after and l.expires_at <= p_until
    order by l.expires_at
    limit 1
  );
end
$$;
