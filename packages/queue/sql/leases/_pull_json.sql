-- queue._pull_json: takes jobs as queue._pull does, as JSON.
--
-- It is written out, since to_json would look up the type of each column again for each job.
--
-- Returns  objects with the columns of queue.jobs that a worker wants, but those that are null, with commas between, null
--          when there are none; and how many
create function queue._pull_json(
  p_namespace text,
  p_queues text[],
  p_limit int,
  p_worker_id text,
  p_visibility interval,
  out jobs text,
  out count int
)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_queue text;
  v_picked record;
  v_constant text;
  v_jobs text;
  v_count int;
begin
  count := 0;
  foreach v_queue in array p_queues loop
    v_picked := queue._pick(p_namespace, v_queue, p_limit - count, p_visibility);
    continue when v_picked.ready is null;
    v_constant := concat(',"queue":', to_json(v_queue), ',"visibility_timeout_at":', to_json(v_picked.expires_at));
    select string_agg(
        concat(
          '{"id":"', l.id, '","fence_token":"', l.fence, '","payload":', l.payload, ',"priority":', l.priority,
          ',"attempts":', l.attempts, ',"max_attempts":', l.max_attempts, ',"created_at":', to_json(l.created_at),
          ',"scheduled_at":' || to_json(l.scheduled_at)::text, ',"error":' || to_json(l.error)::text,
          ',"unique_key":' || to_json(l.unique_key)::text, ',"tags":' || to_json(l.tags)::text, ',"metadata":' || l.metadata::text,
          ',"actor_id":' || to_json(l.actor_id)::text, ',"request_id":' || to_json(l.request_id)::text,
          ',"on_behalf_of":' || to_json(l.on_behalf_of)::text, ',"reason":' || to_json(l.reason)::text, v_constant, '}'
        ), ','
      ), count(*)
    into v_jobs, v_count
    from queue._lease(
      p_namespace, v_queue, v_picked.ready, v_picked.deferred, p_worker_id, v_picked.taken_at, v_picked.expires_at
    ) l;
    jobs := concat_ws(',', jobs, v_jobs);
    count := count + v_count;
    exit when count = p_limit;
  end loop;
end
$$;
