-- queue._take_expired: ends leases whose time is over, oldest deadline first, passing over those that others work on.
--
-- Takes    p_namespace  null for all
--          p_after      those with an earlier deadline are left out
-- Returns  the leases as they were
create function queue._take_expired(p_namespace text, p_limit int, p_after timestamptz, p_now timestamptz)
returns setof queue.leases
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
  v_places tid[];
begin
  if p_namespace is null then
    v_places := array(
      select l.ctid
      from queue.leases l
      where l.expires_at > p_after and l.expires_at <= p_now
      order by l.expires_at
      limit p_limit
      for update skip locked
    );
  else
    v_places := array(
      select l.ctid
      from queue.leases l
      where l.expires_at > p_after and l.expires_at <= p_now and l.namespace = p_namespace
      order by l.expires_at
      limit p_limit
      for update skip locked
    );
  end if;
  return query
    select t.* from queue._delete_leases(v_places) t order by t.expires_at, t.id;
end
$$;
