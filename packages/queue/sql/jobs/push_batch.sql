-- queue.push_batch: puts up to 1,000 jobs on a queue, all or none.
--
-- Takes    p_payloads  any JSON values
--          the rest    as for queue.push, for each of them
-- Returns  their ids in the order of the payloads; none for no payloads
-- Raises   what queue.push raises · VAL_BATCH_TOO_LARGE (22023)
-- Writes   queue.ready
-- Example  select queue.push_batch('acme', 'email', array['{"to": "a"}', '{"to": "b"}']::jsonb[]);
create function queue.push_batch(
  p_namespace text,
  p_queue text,
  p_payloads jsonb[],
  p_priority int default 0,
  p_max_attempts int default null,
  p_tags text[] default null
)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_max_attempts int := p_max_attempts;
  v_rank int := -coalesce(p_priority, 0);
  v_tags text[] := nullif(p_tags, '{}');
  v_actor_id text := nullif(current_setting('postkit.actor_id', true), '');
  v_request_id text := nullif(current_setting('postkit.request_id', true), '');
  v_on_behalf_of text := nullif(current_setting('postkit.on_behalf_of', true), '');
  v_reason text := nullif(current_setting('postkit.reason', true), '');
  v_ids bigint[];
begin
  if coalesce(cardinality(p_payloads), 0) = 0 then
    return '{}';
  end if;
  perform queue._validate_job(p_namespace, p_queue, '{}', p_priority, p_max_attempts, null);
  perform queue._validate_batch_size(cardinality(p_payloads), 'payloads');
  if array_position(p_payloads, null) is not null then
    perform queue._validate_payload(null);
  end if;
  if v_max_attempts is null then
    v_max_attempts := queue._default_max_attempts(p_namespace, p_queue);
  end if;

  with pushed as (
    insert into queue.ready (
      namespace, queue, rank, position, id, attempts, max_attempts, payload, tags,
      actor_id, request_id, on_behalf_of, reason, created_at
    )
    select p_namespace, p_queue, v_rank, n.position, n.position, 0, v_max_attempts, n.payload, v_tags, v_actor_id,
      v_request_id, v_on_behalf_of, v_reason, now()
    from (
      select nextval('queue.job_id_seq') as position, u.payload
      from unnest(p_payloads) u (payload)
      offset 0
    ) n
    returning id
  )
  select array_agg(p.id order by p.id)
  into v_ids
  from pushed p;
  perform queue._wake(p_namespace, p_queue, json_build_object('count', cardinality(v_ids), 'queue', p_queue));
  return v_ids;
end
$$;
