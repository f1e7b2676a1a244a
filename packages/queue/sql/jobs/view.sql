-- Every job of the tenant in the columns of the contract, for reading; get_job and list_jobs read the same.
create view queue.jobs with (security_barrier) as
  select r.id, r.namespace, r.queue, r.payload, -r.rank as priority, coalesce(r.scheduled_at, r.created_at) as scheduled_at,
    'pending'::text as status, r.attempts, r.max_attempts, null::text as locked_by, null::timestamptz as locked_at,
    null::timestamptz as visibility_timeout_at, null::timestamptz as completed_at, r.error, r.unique_key,
    coalesce(r.tags, '{}') as tags, r.metadata, r.actor_id, r.request_id, r.on_behalf_of, r.reason, r.created_at,
    coalesce(r.updated_at, r.created_at) as updated_at, null::bigint as fence_token
  from queue.ready r
  where r.namespace = nullif(current_setting('postkit.tenant_id', true), '')
  union all
  select d.id, d.namespace, d.queue, d.payload, d.priority, d.run_at, 'pending', d.attempts, d.max_attempts, null, null, null,
    null, d.error, d.unique_key, coalesce(d.tags, '{}'), d.metadata, d.actor_id, d.request_id, d.on_behalf_of, d.reason,
    d.created_at, coalesce(d.updated_at, d.created_at), null
  from queue.deferred d
  where d.namespace = nullif(current_setting('postkit.tenant_id', true), '')
  union all
  select l.id, l.namespace, l.queue, l.payload, l.priority, coalesce(l.scheduled_at, l.created_at), 'running', l.attempts,
    l.max_attempts, l.worker_id, l.locked_at, l.expires_at, null, l.error, l.unique_key, coalesce(l.tags, '{}'), l.metadata,
    l.actor_id, l.request_id, l.on_behalf_of, l.reason, l.created_at, coalesce(l.updated_at, l.locked_at), l.fence
  from queue.leases l
  where l.namespace = nullif(current_setting('postkit.tenant_id', true), '')
  union all
  select a.id, a.namespace, a.queue, a.payload, a.priority, coalesce(a.scheduled_at, a.created_at), a.status, a.attempts,
    a.max_attempts, null, null, null, a.finished_at, a.error, a.unique_key, coalesce(a.tags, '{}'), a.metadata, a.actor_id,
    a.request_id, a.on_behalf_of, a.reason, a.created_at, a.finished_at, null
  from queue.archive a
  where a.namespace = nullif(current_setting('postkit.tenant_id', true), '');

comment on view queue.jobs is 'Every job of the tenant, whatever table it is in';
