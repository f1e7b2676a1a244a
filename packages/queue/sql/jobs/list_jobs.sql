-- queue.list_jobs: a page of jobs, in the order of their ids.
--
-- Takes    p_queue   only jobs of this queue
--          p_status  only pending, running, completed, dead or cancelled ones
--          p_limit   jobs on the page, 1 to 1000
--          p_cursor  id of the last job of the page before
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_STATUS_UNKNOWN (22023) · VAL_NOT_POSITIVE (22023)
--          · VAL_LIMIT_TOO_LARGE (22023)
-- Example  select id, queue, status, attempts from queue.list_jobs('acme', 'email', 'pending', 50);
create function queue.list_jobs(
  p_namespace text,
  p_queue text default null,
  p_status text default null,
  p_limit int default 100,
  p_cursor bigint default null
)
returns setof queue.jobs
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_after bigint := coalesce(p_cursor, 0);
begin
  perform queue._assert_readable(p_namespace);
  if p_status not in ('pending', 'running', 'completed', 'dead', 'cancelled') then
    raise exception 'status must be pending, running, completed, dead or cancelled'
      using errcode = '22023', hint = 'postkit:queue:VAL_STATUS_UNKNOWN';
  end if;
  perform queue._validate_limit(p_limit);
  return query
    select j.*
    from (
      select r.*
      from queue._list_ready(p_namespace, p_queue, v_after, p_limit) r
      where coalesce(p_status, 'pending') = 'pending'
      union all
      select d.*
      from queue._list_deferred(p_namespace, p_queue, v_after, p_limit) d
      where coalesce(p_status, 'pending') = 'pending'
      union all
      select l.*
      from queue._list_leased(p_namespace, p_queue, v_after, p_limit) l
      where coalesce(p_status, 'running') = 'running'
      union all
      select a.*
      from queue._list_archived(p_namespace, p_queue, p_status, v_after, p_limit) a
      where coalesce(p_status, 'dead') not in ('pending', 'running')
    ) j
    order by j.id
    limit p_limit;
end
$$;
