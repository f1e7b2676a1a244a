-- queue._is_archived: whether completed jobs of a queue are kept.
create function queue._is_archived(p_namespace text, p_queue text)
returns boolean
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return (
    select coalesce(q.archive_completed, n.archive_completed, g.archive_completed)
    from queue.config g
    left join queue.config n on n.namespace = p_namespace and n.queue = ''
    left join queue.config q on q.namespace = p_namespace and q.queue = p_queue
    where g.namespace = 'global' and g.queue = ''
  );
end
$$;
