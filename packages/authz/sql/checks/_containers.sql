-- authz._containers: a resource and what is around it.
--
-- Takes    p_resource_id  in NFC
create function authz._containers(p_resource_type text, p_resource_id text, p_namespace text)
returns authz.nodes
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_around authz.nodes;
begin
  with recursive containers (type, id, depth) as (
    select p_resource_type collate "C", p_resource_id collate "C", 0
    union
    select t.subject_type, t.subject_id, c.depth + 1
    from containers c
    join authz.tuples t
      on t.namespace = p_namespace
      and t.resource_type = c.type
      and t.resource_id = c.id
      and t.relation = 'parent'
      and t.subject_relation is null
      and (t.expires_at is null or t.expires_at > now())
    where c.depth < authz._max_depth()
  )
  select array_agg(c.type), array_agg(c.id)
  into v_around.types, v_around.ids
  from containers c;
  return v_around;
end
$$;
