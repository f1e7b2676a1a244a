-- queue._enqueue_many: puts valid jobs where they belong.
--
-- Takes    p_ids  as queue._take_keys gave them
-- Returns  their ids in their order, null where a key is taken
create function queue._enqueue_many(p_namespace text, p_jobs queue.new_job[], p_ids bigint[])
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_max_attempts jsonb;
  v_ids bigint[];
begin
  -- Looked up by name: a join would be planned for the few rows that an array is thought to have.
  select jsonb_object_agg(q.queue, queue._default_max_attempts(p_namespace, q.queue))
  into v_max_attempts
  from (select distinct j.queue from unnest(p_jobs) j where j.max_attempts is null) q;

  -- One statement, since ids rise over both tables: it has its lock on queue.ready before it draws the first of them.
  with jobs as materialized (
    select n.position, n.index, n.queue, n.payload, n.unique_key, nullif(n.tags, '{}') as tags, n.metadata,
      case when p_ids is null then n.position else p_ids[n.index] end as id,
      coalesce(n.priority, 0) as priority,
      coalesce(n.max_attempts, (v_max_attempts ->> n.queue)::int) as max_attempts,
      coalesce(n.run_at, case when n.delay <> interval '0' then now() + n.delay end) as run_at,
      nullif(current_setting('postkit.actor_id', true), '') as actor_id,
      nullif(current_setting('postkit.request_id', true), '') as request_id,
      nullif(current_setting('postkit.on_behalf_of', true), '') as on_behalf_of,
      nullif(current_setting('postkit.reason', true), '') as reason
    from (
      select nextval('queue.job_id_seq') as position, j.*
      from unnest(p_jobs) j
      offset 0
    ) n
  ),
  ready as (
    insert into queue.ready (
      namespace, queue, rank, position, id, attempts, max_attempts, payload, unique_key, tags, metadata,
      actor_id, request_id, on_behalf_of, reason, created_at
    )
    select p_namespace, j.queue, -j.priority, j.position, j.id, 0, j.max_attempts, j.payload, j.unique_key, j.tags,
      j.metadata, j.actor_id, j.request_id, j.on_behalf_of, j.reason, now()
    from jobs j
    where j.id is not null and j.run_at is null
  ),
  deferred as (
    insert into queue.deferred (
      namespace, id, queue, priority, attempts, max_attempts, payload, unique_key, tags, metadata,
      actor_id, request_id, on_behalf_of, reason, run_at, created_at
    )
    select p_namespace, j.id, j.queue, j.priority, 0, j.max_attempts, j.payload, j.unique_key, j.tags, j.metadata,
      j.actor_id, j.request_id, j.on_behalf_of, j.reason, j.run_at, now()
    from jobs j
    where j.id is not null and j.run_at is not null
  )
  select array_agg(j.id order by j.index)
  into v_ids
  from jobs j;
  return coalesce(v_ids, '{}');
end
$$;
