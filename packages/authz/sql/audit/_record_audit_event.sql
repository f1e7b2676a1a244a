-- authz._record_audit_event: writes one audit row with the actor of this transaction.
--
-- Called by the definer triggers only. Inside them current_user is the owner, so the role that made the change is
-- taken from SET ROLE, else from the session.
--
-- Raises   VAL_KEY_TOO_LONG (22001) when the actor's id does not fit its index
create function authz._record_audit_event(
  p_event_type text,
  p_namespace text,
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_subject_relation text,
  p_resource_id_raw text,
  p_subject_id_raw text,
  p_tuple_id bigint,
  p_expires_at timestamptz
)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_actor_id text := nullif(current_setting('postkit.actor_id', true), '');
begin
  perform authz._validate_key_size(p_namespace, v_actor_id);
  insert into authz.audit_events (
    namespace, event_type, resource_type, resource_id, relation, subject_type, subject_id, subject_relation,
    resource_id_raw, subject_id_raw, tuple_id, expires_at, actor_id, request_id, reason, on_behalf_of,
    current_user_name
  )
  values (
    p_namespace, p_event_type, p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id,
    p_subject_relation, p_resource_id_raw, p_subject_id_raw, p_tuple_id, p_expires_at,
    v_actor_id,
    nullif(current_setting('postkit.request_id', true), ''),
    nullif(current_setting('postkit.reason', true), ''),
    nullif(current_setting('postkit.on_behalf_of', true), ''),
    coalesce(nullif(current_setting('role', true), 'none'), session_user)
  );
end
$$;
