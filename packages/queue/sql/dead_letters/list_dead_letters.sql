-- queue.list_dead_letters: a page of the dead letters, newest first.
--
-- Takes    p_queue         only those of this queue
--          p_with_retried  also those that were retried
--          p_limit         on the page, 1 to 1000
--          p_cursor        id of the last one of the page before
-- Returns  the dead letters: reason_code is attempts, failed or timeout, retry_job_id the job that took its place
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
-- Example  select id, queue, last_error, failed_at from queue.list_dead_letters('acme', 'email');
create function queue.list_dead_letters(
  p_namespace text,
  p_queue text default null,
  p_with_retried boolean default false,
  p_limit int default 100,
  p_cursor bigint default null
)
returns setof queue.dead_letters
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set jit = off
set enable_seqscan = off
set enable_sort = off
set enable_bitmapscan = off
set plan_cache_mode = force_custom_plan
as $$
begin
  perform queue._assert_readable(p_namespace);
  perform queue._validate_limit(p_limit);
  return query
    select d.*
    from queue.dead_letters d
    where d.namespace = p_namespace
      and (p_queue is null or d.queue = p_queue)
      and (p_with_retried or d.retried_at is null)
      and d.id < coalesce(p_cursor, 9223372036854775807)
    order by d.id desc
    limit p_limit;
end
$$;
