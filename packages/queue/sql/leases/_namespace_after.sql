-- queue._namespace_after: the first namespace behind another that has jobs which wait, ready or deferred.
create function queue._namespace_after(p_after text)
returns text
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return least(
    (select r.namespace from queue.ready r where r.namespace > p_after order by r.namespace limit 1),
    (select d.namespace from queue.deferred d where d.namespace > p_after order by d.namespace limit 1)
  );
end
$$;
