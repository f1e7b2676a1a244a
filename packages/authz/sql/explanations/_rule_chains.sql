-- authz._rule_chains: how each relation that gives a permission does: the permissions from it to the one asked for.
--
-- Takes    p_max_depth  rules that a chain has at most
-- Returns  an object with a shortest chain, an array, for each relation of authz._implied_by
create function authz._rule_chains(p_resource_type text, p_permission text, p_namespace text, p_max_depth int)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_relations text[] := authz._implied_by(p_resource_type, array[p_permission], p_namespace);
begin
  return (
    with recursive
      reached (permission, depth) as (
        select p_permission collate "C", 0
        union
        select h.permission, r.depth + 1
        from reached r
        join authz.permission_hierarchy h
          on h.namespace in (p_namespace, 'global')
          and h.resource_type = p_resource_type
          and h.implies = r.permission
          and h.permission = any (v_relations)
        where r.depth < p_max_depth
      ),
      nearest (permission, depth) as (
        select r.permission, min(r.depth) from reached r group by r.permission
      ),
      steps (permission, implies) as (
        select n.permission, min(h.implies)
        from nearest n
        join authz.permission_hierarchy h
          on h.namespace in (p_namespace, 'global')
          and h.resource_type = p_resource_type
          and h.permission = n.permission
        join nearest i on i.permission = h.implies and i.depth = n.depth - 1
        group by n.permission
      ),
      chains (relation, permission, chain) as (
        select n.permission, n.permission, jsonb_build_array(n.permission)
        from nearest n
        where n.permission = any (v_relations)
        union all
        select c.relation, s.implies, c.chain || jsonb_build_array(s.implies)
        from chains c
        join steps s on s.permission = c.permission
      )
    select coalesce(jsonb_object_agg(c.relation, c.chain), '{}')
    from chains c
    where c.permission = p_permission
  );
end
$$;
