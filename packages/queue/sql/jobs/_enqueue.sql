-- queue._enqueue: puts a valid job where it belongs.
--
-- Takes    p_run_at  when it may run; null for now
-- Returns  its id; null when its key is taken
create function queue._enqueue(
  p_namespace text,
  p_queue text,
  p_payload jsonb,
  p_run_at timestamptz,
  p_priority int,
  p_max_attempts int,
  p_unique_key text,
  p_tags text[],
  p_metadata jsonb
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_id bigint;
begin
  if p_unique_key is not null then
    insert into queue.unique_keys (namespace, queue, key, job_id)
    values (p_namespace, p_queue, p_unique_key, nextval('queue.job_id_seq'))
    on conflict do nothing
    returning job_id into v_id;
    if not found then
      return null;
    end if;
  end if;
  if p_run_at is not null then
    insert into queue.deferred (
      namespace, id, queue, priority, attempts, max_attempts, payload, unique_key, tags, metadata,
      actor_id, request_id, on_behalf_of, reason, run_at, created_at
    )
    values (
      p_namespace, coalesce(v_id, nextval('queue.job_id_seq')), p_queue, coalesce(p_priority, 0), 0,
      coalesce(p_max_attempts, queue._default_max_attempts(p_namespace, p_queue)), p_payload, p_unique_key,
      nullif(p_tags, '{}'), p_metadata,
      nullif(current_setting('postkit.actor_id', true), ''), nullif(current_setting('postkit.request_id', true), ''),
      nullif(current_setting('postkit.on_behalf_of', true), ''), nullif(current_setting('postkit.reason', true), ''),
      p_run_at, now()
    )
    returning id into v_id;
    return v_id;
  end if;
  insert into queue.ready (
    namespace, queue, rank, position, id, attempts, max_attempts, payload, unique_key, tags, metadata,
    actor_id, request_id, on_behalf_of, reason, created_at
  )
  select p_namespace, p_queue, -coalesce(p_priority, 0), n.position, coalesce(v_id, n.position), 0,
    coalesce(p_max_attempts, queue._default_max_attempts(p_namespace, p_queue)), p_payload, p_unique_key,
    nullif(p_tags, '{}'), p_metadata,
    nullif(current_setting('postkit.actor_id', true), ''), nullif(current_setting('postkit.request_id', true), ''),
    nullif(current_setting('postkit.on_behalf_of', true), ''), nullif(current_setting('postkit.reason', true), ''),
    now()
  from (select nextval('queue.job_id_seq') as position) n
  returning id into v_id;
  return v_id;
end
$$;
