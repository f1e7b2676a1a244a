-- authz._open_resources: the resources of some types on which a scope holds what is enough, itself or through a group.
--
-- Takes    p_types  the types to look for
--          p_limit  how many are enough; all by default
-- Returns  the resources, some maybe twice
create function authz._open_resources(p_scope authz.scope, p_types text[], p_limit int default null)
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
  v_open authz.nodes;
begin
  select array_agg(o.type), array_agg(o.id)
  into v_open.types, v_open.ids
  from (
    select t.resource_type, t.resource_id
    from unnest(p_types) c (type)
    cross join lateral (
      select t.resource_type, t.resource_id
      from authz.tuples t
      where t.namespace = p_scope.namespace
        and t.subject_type = p_scope.subject_type
        and t.subject_id = p_scope.subject_id
        and t.resource_type = c.type
        and t.relation = any (p_scope.relations)
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) t
    union all
    select t.resource_type, t.resource_id
    from unnest(p_scope.group_types, p_scope.group_ids, p_scope.group_relations) m (type, id, relation)
    cross join unnest(p_types) c (type)
    cross join lateral (
      select t.resource_type, t.resource_id
      from authz.tuples t
      where t.namespace = p_scope.namespace
        and t.subject_type = m.type
        and t.subject_id = m.id
        and t.resource_type = c.type
        and t.relation = any (p_scope.relations)
        and (t.subject_relation is null or t.subject_relation = m.relation)
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) t
    limit p_limit
  ) o (type, id);
  return v_open;
end
$$;
