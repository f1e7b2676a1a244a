-- authz._implied_from: the permissions that some relations give on a type of resource, these included.
--
-- The other direction of authz._implied_by.
create function authz._implied_from(p_resource_type text, p_relations text[], p_namespace text)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_permissions text[];
  v_implied text[];
begin
  select array_agg(h.permission), array_agg(h.implies)
  into v_permissions, v_implied
  from authz.permission_hierarchy h
  where h.namespace = any (array[p_namespace, 'global'])
    and h.resource_type = p_resource_type
    and h.permission <> 'parent'
    and h.implies <> 'parent';
  return authz._follow_rules(array_remove(p_relations, 'parent'), v_permissions, v_implied);
end
$$;
