-- queue._pull_global: takes jobs of queues in all namespaces, a share of each in turn. Called by the owner in maintenance.
--
-- Takes    p_after  the namespace served last; the one after it is the first now
-- Returns  the jobs as they are now
create function queue._pull_global(
  p_queues text[],
  p_limit int,
  p_worker_id text,
  p_visibility interval,
  p_after text
)
returns setof queue.jobs
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_share int := ceil(p_limit / 10.0);
  v_room int := p_limit;
  v_after text := coalesce(p_after, '');
  v_until text;
  v_namespaces text[];
  v_rich text[] := '{}';
  v_namespace text;
  v_count int;
begin
  -- From the one after p_after to the last, from the first to p_after, and then again those that had as many as their
  -- share.
  while v_room > 0 loop
    if v_after is not null then
      v_namespaces := queue._namespaces_between(v_after, v_until, p_queues, 20);
      v_after := v_namespaces[cardinality(v_namespaces)];
      if v_after is null and v_until is null and p_after <> '' then
        v_after := '';
        v_until := p_after;
      end if;
    else
      exit when v_rich = '{}';
      v_namespaces := v_rich;
      v_rich := '{}';
    end if;
    foreach v_namespace in array v_namespaces loop
      return query
        select p.*
        from queue._pull(v_namespace, p_queues, least(v_share, v_room), p_worker_id, p_visibility) p;
      get diagnostics v_count = row_count;
      if v_count = least(v_share, v_room) then
        v_rich := v_rich || v_namespace;
      end if;
      v_room := v_room - v_count;
      exit when v_room = 0;
    end loop;
  end loop;
end
$$;
