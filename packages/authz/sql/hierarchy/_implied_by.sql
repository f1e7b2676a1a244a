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
  v_relations text[] := array_remove(p_permissions, 'parent');
  v_permissions text[];
  v_implied text[];
  v_next text[];
begin
  select array_agg(h.permission), array_agg(h.implies)
  into v_permissions, v_implied
  from authz.permission_hierarchy h
  where h.namespace = any (array[p_namespace, 'global'])
    and h.resource_type = p_resource_type
    and h.permission <> 'parent'
    and h.implies <> 'parent';
  if v_permissions is null then
    return v_relations;
  end if;

  -- A type has few rules: they are followed here in half the time of a recursive query.
  for v_depth in 1..authz._max_depth() loop
    v_next := '{}';
    for v_rule in 1..cardinality(v_permissions) loop
      if v_implied[v_rule] = any (v_relations) and v_permissions[v_rule] <> all (v_relations || v_next) then
        v_next := v_next || v_permissions[v_rule];
      end if;
    end loop;
    exit when v_next = '{}';
    v_relations := v_relations || v_next;
  end loop;
  return v_relations;
end
$$;
