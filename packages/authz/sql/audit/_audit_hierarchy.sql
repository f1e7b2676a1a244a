-- authz._audit_hierarchy: row trigger that records a change of a hierarchy rule.
--
-- The rule is mapped on the columns of a tuple: permission as resource_id, what it implies as relation.
create function authz._audit_hierarchy()
returns trigger
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
as $$
declare
  v_rule record;
  v_event_type text;
begin
  if tg_op = 'DELETE' then
    v_rule := old;
    v_event_type := 'hierarchy_deleted';
  else
    v_rule := new;
    v_event_type := 'hierarchy_created';
  end if;
  perform authz._record_audit_event(
    v_event_type, v_rule.namespace, v_rule.resource_type, v_rule.permission, v_rule.implies,
    'hierarchy', '', null, null, null, null, null
  );
  return null;
end
$$;
