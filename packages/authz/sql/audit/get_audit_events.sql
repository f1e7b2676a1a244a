-- authz.get_audit_events: a page of the audit, newest first.
--
-- Takes    p_limit                         events on the page, 1 to 1000
--          p_cursor                        cursor of the last event of the page before
--          p_event_type, p_actor_id        only these
--          p_resource_type, p_resource_id  only events on this resource, or on this type
--          p_subject_type, p_subject_id    only events of this subject, or of this type
--          p_namespace                     tenant; the transaction's by default
-- Returns  one row an event; ids as they were sent; cursor is opaque
-- Raises   VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023) · VAL_CURSOR_INVALID (22023)
--          · VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.get_audit_events(20, p_actor_id => 'user:admin');
create function authz.get_audit_events(
  p_limit int default 100,
  p_cursor text default null,
  p_event_type text default null,
  p_actor_id text default null,
  p_resource_type text default null,
  p_resource_id text default null,
  p_subject_type text default null,
  p_subject_id text default null,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (
  id bigint,
  event_id uuid,
  event_type text,
  event_time timestamptz,
  actor_id text,
  request_id text,
  reason text,
  on_behalf_of text,
  session_user_name text,
  current_user_name text,
  client_addr text,
  application_name text,
  resource_type text,
  resource_id text,
  relation text,
  subject_type text,
  subject_id text,
  subject_relation text,
  tuple_id bigint,
  expires_at timestamptz,
  cursor text
)
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_after authz.audit_position;
begin
  perform authz._validate_limit(p_limit);
  v_after := authz._decode_audit_cursor(p_cursor);
  perform authz._assert_readable(p_namespace);
  -- Dynamic, with only the conditions that were asked for: a filter that may be absent would cost the index.
  return query execute
    'select e.id, e.event_id, e.event_type::text, e.event_time, e.actor_id::text, e.request_id, e.reason,
       e.on_behalf_of, e.session_user_name, e.current_user_name, host(e.client_addr), e.application_name,
       e.resource_type::text, coalesce(e.resource_id_raw, e.resource_id)::text, e.relation::text,
       e.subject_type::text, coalesce(e.subject_id_raw, e.subject_id)::text, e.subject_relation::text,
       e.tuple_id, e.expires_at, authz._encode_audit_cursor(e.event_time, e.id)
     from authz.audit_events e
     where e.namespace = $1'
    || case when p_cursor is not null then ' and (e.event_time, e.id) < ($2, $3)' else '' end
    || case when p_event_type is not null then ' and e.event_type = $4' else '' end
    || case when p_actor_id is not null then ' and e.actor_id = $5' else '' end
    || case when p_resource_type is not null then ' and e.resource_type = $6' else '' end
    || case when p_resource_id is not null then ' and e.resource_id = normalize($7, nfc)' else '' end
    || case when p_subject_type is not null then ' and e.subject_type = $8' else '' end
    || case when p_subject_id is not null then ' and e.subject_id = normalize($9, nfc)' else '' end
    || ' order by e.event_time desc, e.id desc limit $10'
  using p_namespace, v_after.event_time, v_after.id, p_event_type, p_actor_id,
    p_resource_type, p_resource_id, p_subject_type, p_subject_id, p_limit;
end
$$;
