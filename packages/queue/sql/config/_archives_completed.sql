-- queue._archives_completed: whether there may be a queue in a namespace whose completed jobs are kept.
create function queue._archives_completed(p_namespace text)
returns boolean
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
as $$
begin
  return (select c.archive_completed from queue.config c where c.namespace = 'global' and c.queue = '')
    or (
      select c.archive_completed
      from queue.config c
      where c.namespace = p_namespace and c.archive_completed
      order by c.created_at
      limit 1
    ) is not null;
end
$$;
