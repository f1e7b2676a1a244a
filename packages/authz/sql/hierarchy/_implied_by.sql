-- authz._implied_by: the relations that give a permission on a type of resource, the permission itself included.
--
-- Merges the rules of namespace global with those of the tenant. 'parent' is structure and gives nothing.
create function authz._implied_by(p_resource_type text, p_permission text, p_namespace text)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return array(
    with recursive implied_by (permission, depth) as (
      select p_permission collate "C", 0
      union
      select h.permission, i.depth + 1
      from implied_by i
      join authz.permission_hierarchy h
        on h.namespace in (p_namespace, 'global')
        and h.resource_type = p_resource_type
        and h.implies = i.permission
      where i.depth < authz._max_depth()
        and h.permission <> 'parent'
        and h.implies <> 'parent'
    )
    select distinct i.permission from implied_by i where i.permission <> 'parent'
  );
end
$$;
