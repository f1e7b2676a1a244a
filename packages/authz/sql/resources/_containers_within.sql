-- authz._containers_within: some containers and all containers in them.
--
-- One level less than a check climbs, since the resources that are looked for are a level below.
--
-- Takes    p_types  the types of containers to look for
create function authz._containers_within(p_containers authz.nodes, p_types text[], p_namespace text)
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
  v_within authz.nodes;
begin
  with recursive within (type, id, depth) as (
    select c.type collate "C", c.id collate "C", 1
    from unnest(p_containers.types, p_containers.ids) c (type, id)
    union
    select e.resource_type, e.resource_id, w.depth + 1
    from within w
    cross join unnest(p_types) c (type)
    cross join lateral (
      select t.resource_type, t.resource_id
      from authz.tuples t
      where t.namespace = p_namespace
        and t.subject_type = w.type
        and t.subject_id = w.id
        and t.resource_type = c.type
        and t.relation = 'parent'
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) e
    where w.depth < authz._max_depth()
  )
  select array_agg(w.type), array_agg(w.id)
  into v_within.types, v_within.ids
  from (select distinct w.type, w.id from within w) w;
  return v_within;
end
$$;
