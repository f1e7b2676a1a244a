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
  v_namespaces text[] := queue._namespaces_after(p_after, p_queues);
  v_next text[];
  v_namespace text;
  v_count int;
begin
  while v_room > 0 and v_namespaces <> '{}' loop
    v_next := '{}';
    foreach v_namespace in array v_namespaces loop
      return query
        select p.*
        from queue._pull(v_namespace, p_queues, least(v_share, v_room), p_worker_id, p_visibility) p;
      get diagnostics v_count = row_count;
      if v_count = least(v_share, v_room) then
        v_next := v_next || v_namespace;
      end if;
      v_room := v_room - v_count;
      exit when v_room = 0;
    end loop;
    -- Who had as many as his share may have more.
    v_namespaces := v_next;
  end loop;
end
$$;
