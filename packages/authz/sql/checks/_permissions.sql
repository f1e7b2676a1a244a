-- authz._permissions: every permission that a subject has on a resource.
create function authz._permissions(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text
)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_scope authz.scope := authz._scope(p_subject_type, p_subject_id, '{}', p_resource_type, p_namespace);
  v_around authz.nodes := authz._containers(p_resource_type, normalize(p_resource_id, nfc), p_namespace);
  v_relations text[];
begin
  v_relations := array(
    select h.relation
    from unnest(v_around.types, v_around.ids) c (type, id)
    cross join lateral (
      select t.relation
      from authz.tuples t
      where t.namespace = p_namespace
        and t.resource_type = c.type
        and t.resource_id = c.id
        and t.subject_type = v_scope.subject_type
        and t.subject_id = v_scope.subject_id
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) h
    union
    select g.relation
    from unnest(v_around.types, v_around.ids) c (type, id)
    cross join lateral (
      select t.relation, t.subject_type, t.subject_id, t.subject_relation
      from authz.tuples t
      where t.namespace = p_namespace
        and t.resource_type = c.type
        and t.resource_id = c.id
        and t.relation <> 'parent'
        and (t.subject_type <> 'user' or t.subject_relation is not null)
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) g
    where ((g.subject_type, g.subject_id, coalesce(g.subject_relation, '')) in (
      select m.type, m.id, m.relation
      from unnest(v_scope.group_types, v_scope.group_ids, v_scope.group_relations) m (type, id, relation)
      union all
      select m.type, m.id, ''
      from unnest(v_scope.group_types, v_scope.group_ids) m (type, id)
    )) is true
    union
    select u.relation
    from unnest(v_scope.group_types, v_scope.group_ids) m (type, id)
    cross join unnest(v_around.types, v_around.ids) c (type, id)
    cross join lateral (
      select t.relation
      from authz.tuples t
      where t.namespace = p_namespace
        and t.resource_type = c.type
        and t.resource_id = c.id
        and t.subject_type = 'user'
        and t.subject_id = m.id
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) u
    where m.type = 'user'
  );
  return authz._implied_from(p_resource_type, v_relations, p_namespace);
end
$$;
