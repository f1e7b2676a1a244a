-- queue._archives_completed: whether there may be a queue in a namespace whose completed jobs are kept.
create function queue._archives_completed(p_namespace text)
returns boolean
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return exists (
    select
    from queue.config c
    where c.namespace in (p_namespace, 'global') and c.archive_completed
  );
end
$$;
