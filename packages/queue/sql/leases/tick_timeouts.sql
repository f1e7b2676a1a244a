-- queue.tick_timeouts: takes jobs back from workers that have not settled them in time.
--
-- To be called every few seconds; queue.maintain does it for all namespaces. A job may be taken again at once, before the
-- new ones of its priority. The attempt counts: a job that has used all up becomes a dead letter, so that one which kills
-- its worker does not do so for ever.
--
-- Takes    p_namespace  null for all, which needs a role that row level security does not bind
--          p_limit      the most jobs, 1 to 1000, those whose time ran out first
-- Returns  the jobs, and how long they were held
-- Raises   VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
--          · BIZ_ALL_NAMESPACES_REQUIRES_BYPASS (42501)
-- Writes   queue.leases, queue.ready, queue.dead_letters, queue.archive, queue.unique_keys
-- Example  select * from queue.tick_timeouts('acme');
create function queue.tick_timeouts(p_namespace text default null, p_limit int default 100)
returns table (job_id bigint, queue text, stuck_duration interval)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_tick(p_namespace, p_limit);
  return query
    select t.* from queue._time_out(p_namespace, p_limit, '-infinity') t;
end
$$;
