-- authz._implies: whether rules already lead from one permission to another.
--
-- Not bounded in depth, since a cycle of any length is one; union visits each permission once.
create function authz._implies(p_resource_type text, p_from text, p_to text, p_namespace text)
returns boolean
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  return exists (
    with recursive implied (permission) as (
      select p_from collate "C"
      union
      select h.implies
      from implied i
      join authz.permission_hierarchy h
        on h.namespace in (p_namespace, 'global')
        and h.resource_type = p_resource_type
        and h.permission = i.permission
    )
    select from implied i where i.permission = p_to
  );
end
$$;
