-- authz._implied_by: the relations that give one of some permissions on a type of resource, these included.
--
-- Merges the rules of namespace global with those of the tenant. 'parent' is structure and gives nothing.
create function authz._implied_by(p_resource_type text, p_permissions text[], p_namespace text)
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
  return authz._follow_rules(array_remove(array_remove(p_permissions, 'parent'), null), v_implied, v_permissions);
end
$$;
