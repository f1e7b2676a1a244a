-- authz._open_among: those of some resources on which a scope itself holds what is enough, without what is around them.
--
-- Takes    p_types, p_ids  the resources, in step
create function authz._open_among(p_scope authz.scope, p_types text[], p_ids text[])
returns authz.nodes
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_open authz.nodes;
begin
  select array_agg(c.type), array_agg(c.id)
  into v_open.types, v_open.ids
  from unnest(p_types, p_ids) c (type, id)
  where exists (
    select
    from authz.tuples t
    where t.namespace = p_scope.namespace
      and t.resource_type = c.type
      and t.resource_id = c.id
      and t.subject_type = p_scope.subject_type
      and t.subject_id = p_scope.subject_id
      and t.relation = any (p_scope.relations)
      and t.subject_relation is null
      and (t.expires_at is null or t.expires_at > now())
    offset 0
  )
  or exists (
    select
    from unnest(p_scope.group_kinds) k (type)
    cross join lateral (
      select t.subject_id, t.subject_relation
      from authz.tuples t
      where t.namespace = p_scope.namespace
        and t.resource_type = c.type
        and t.resource_id = c.id
        and t.subject_type = k.type
        and t.relation = any (p_scope.relations)
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) g
    where ((k.type, g.subject_id, coalesce(g.subject_relation, '')) in (
      select m.type, m.id, m.relation
      from unnest(p_scope.group_types, p_scope.group_ids, p_scope.group_relations) m (type, id, relation)
      union all
      select m.type, m.id, ''
      from unnest(p_scope.group_types, p_scope.group_ids) m (type, id)
    )) is true
    offset 0
  );
  return v_open;
end
$$;
