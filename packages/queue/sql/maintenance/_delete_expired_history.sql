-- queue._delete_expired_history: deletes jobs and retried dead letters that their queue does not keep any more.
--
-- Looks at the oldest ones, and where some queues keep them longer than others, at a small share of all, another one at
-- each call: so it comes by everywhere, and no call takes long.
--
-- Takes    p_depth  how many of the oldest it looks at; a tenth as many pages of all
create function queue._delete_expired_history(p_depth int)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_pages int := 0;
  v_shortest interval;
  v_longest interval;
begin
  select min(c.retention), max(c.retention) into v_shortest, v_longest from queue.config c;
  if v_shortest < v_longest then
    v_pages := p_depth / 10;
  end if;
  perform queue._delete_expired_archive(
    v_now - v_shortest, v_now, p_depth,
    queue._share(
      v_pages,
      (select sum(pg_relation_size(t.relid)) from pg_partition_tree('queue.archive') t where t.isleaf)::bigint
    )
  );
  perform queue._delete_expired_dead_letters(
    v_now - v_shortest, v_now, p_depth, queue._share(v_pages, pg_relation_size('queue.dead_letters'))
  );
end
$$;
