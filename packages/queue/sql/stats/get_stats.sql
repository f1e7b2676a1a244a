-- queue.get_stats: how many jobs a namespace has, by state.
--
-- Counts them: on a million jobs that takes a moment.
--
-- Returns  one row; completed ones count where they are kept, until their retention ends
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select pending, running, dead from queue.get_stats('acme');
create function queue.get_stats(p_namespace text)
returns table (
  total_jobs bigint,
  pending bigint,
  running bigint,
  completed bigint,
  dead bigint,
  total_queues bigint
)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._assert_readable(p_namespace);
  return query
    select coalesce(sum(s.pending + s.running + s.completed + s.dead + s.cancelled), 0)::bigint,
      coalesce(sum(s.pending), 0)::bigint, coalesce(sum(s.running), 0)::bigint,
      coalesce(sum(s.completed), 0)::bigint, coalesce(sum(s.dead), 0)::bigint, count(*)
    from queue._count_jobs(p_namespace, null) s;
end
$$;
