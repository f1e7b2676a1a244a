-- authz._audit_tuple: row trigger that records a change of a tuple.
create function authz._audit_tuple()
returns trigger
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
as $$
declare
  v_tuple record;
  v_event_type text;
begin
  if tg_op = 'DELETE' then
    v_tuple := old;
    v_event_type := 'tuple_deleted';
  else
    v_tuple := new;
    v_event_type := case tg_op when 'INSERT' then 'tuple_created' else 'tuple_updated' end;
  end if;
  perform authz._record_audit_event(
    v_event_type, v_tuple.namespace, v_tuple.resource_type, v_tuple.resource_id, v_tuple.relation,
    v_tuple.subject_type, v_tuple.subject_id, v_tuple.subject_relation, v_tuple.resource_id_raw,
    v_tuple.subject_id_raw, v_tuple.id, v_tuple.expires_at
  );
  return null;
end
$$;
