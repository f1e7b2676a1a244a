-- queue._default_max_attempts: how often a job of a queue is tried that does not say so itself.
create function queue._default_max_attempts(p_namespace text, p_queue text)
returns int
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return (
    select coalesce(q.default_max_attempts, n.default_max_attempts, g.default_max_attempts)
    from queue.config g
    left join queue.config n on n.namespace = p_namespace and n.queue = ''
    left join queue.config q on q.namespace = p_namespace and q.queue = p_queue
    where g.namespace = 'global' and g.queue = ''
  );
end
$$;
