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
set jit = off
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
  or p_scope.group_ids is not null and exists (
    select
    from authz.tuples t
    where t.namespace = p_scope.namespace
      and t.resource_type = c.type
      and t.resource_id = c.id
      and t.relation = any (p_scope.relations)
      and t.relation <> 'parent'
      and (t.subject_type <> 'user' or t.subject_relation is not null)
      and (t.expires_at is null or t.expires_at > now())
      and ((t.subject_type, t.subject_id, coalesce(t.subject_relation, '')) in (
        select m.type, m.id, m.relation
        from unnest(p_scope.group_types, p_scope.group_ids, p_scope.group_relations) m (type, id, relation)
        union all
        select m.type, m.id, ''
        from unnest(p_scope.group_types, p_scope.group_ids) m (type, id)
      )) is true
    offset 0
  )
  or 'user' = any (p_scope.group_types) and exists (
    select
    from unnest(p_scope.group_types, p_scope.group_ids) m (type, id)
    join authz.tuples t
      on t.namespace = p_scope.namespace
      and t.resource_type = c.type
      and t.resource_id = c.id
      and t.subject_type = 'user'
      and t.subject_id = m.id
      and t.relation = any (p_scope.relations)
      and t.relation <> 'parent'
      and t.subject_relation is null
      and (t.expires_at is null or t.expires_at > now())
    where m.type = 'user'
    offset 0
  );
  return v_open;
end
$$;
