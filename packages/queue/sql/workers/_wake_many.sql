-- queue._wake_many: as queue._wake, for many queues at once.
--
-- Takes    p_queues, p_counts  a queue and how many jobs of it there are each
create function queue._wake_many(p_namespace text, p_queues text[], p_counts bigint[])
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  perform pg_notify(
    queue.channel_name(l.namespace, u.queue), json_build_object('count', u.job_count, 'queue', u.queue)::text
  )
  from unnest(p_queues, p_counts) u (queue, job_count)
  cross join lateral (
    select p_namespace as namespace
    union all
    select '' where exists (select from queue.workers w where w.namespace = '' and w.queue = u.queue)
  ) l
  where case coalesce(
        (select c.notify from queue.config c where c.namespace = p_namespace and c.queue = u.queue),
        (select c.notify from queue.config c where c.namespace = p_namespace and c.queue = ''),
        (select c.notify from queue.config c where c.namespace = 'global' and c.queue = '')
      )
      when 'always' then true
      when 'auto' then current_setting('transaction_isolation') <> 'read committed'
        or (
          select bool_or(w.is_waiting)
          from queue.workers w
          where w.namespace in (p_namespace, '')
            and w.queue = u.queue
            and w.seen_at > clock_timestamp() - interval '2 minutes'
        ) is not false
      else false
    end;
end
$$;
