-- queue._worker: the name of a worker, or one for who has none.
create function queue._worker(p_worker_id text)
returns text
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return coalesce(nullif(p_worker_id, ''), 'anonymous');
end
$$;
