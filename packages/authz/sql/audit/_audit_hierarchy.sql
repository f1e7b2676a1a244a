-- authz._audit_hierarchy: row trigger that records a change of a hierarchy rule.
--
-- The rule is mapped on the columns of a tuple: permission as resource_id, what it implies as relation. An update,
-- which only the owner can make, is a rule deleted and another created.
create function authz._audit_hierarchy()
returns trigger
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
as $$
begin
  if tg_op <> 'INSERT' then
    perform authz._record_audit_event(
      'hierarchy_deleted', old.namespace, old.resource_type, old.permission, old.implies,
      'hierarchy', '', null, null, null, null, null
    );
  end if;
  if tg_op <> 'DELETE' then
    perform authz._record_audit_event(
      'hierarchy_created', new.namespace, new.resource_type, new.permission, new.implies,
      'hierarchy', '', null, null, null, null, null
    );
  end if;
  return null;
end
$$;
