-- authz._scope: who a subject is and what would be enough for him, before any resource is looked at.
--
-- A subject stands for the groups it holds anything on, and through member edges for those around them. An edge with
-- a subject_relation admits only those who hold that relation on the group, at every level. Only types that are
-- subjects of something are groups, so that what he holds on a thousand documents is not read. "offset 0" keeps the
-- planner from reading all of a subject's grants and joining the types afterwards, which is cheaper for most subjects
-- and ruinous for some.
--
-- Takes    p_permissions    one of these is asked for
-- Returns  the scope; its group arrays are null for a subject in no group
create function authz._scope(
  p_subject_type text,
  p_subject_id text,
  p_permissions text[],
  p_resource_type text,
  p_namespace text
)
returns authz.scope
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_scope authz.scope;
  v_group_types text[];
  v_users_are_groups boolean;
begin
  v_scope.namespace := p_namespace;
  v_scope.resource_type := p_resource_type;
  v_scope.relations := authz._implied_by(p_resource_type, p_permissions, p_namespace);
  v_scope.subject_type := p_subject_type;
  v_scope.subject_id := normalize(p_subject_id, nfc);

  select g.group_types into v_group_types from authz.graph_state g where g.namespace = p_namespace;
  if v_group_types is null or v_group_types = '{}' then
    return v_scope;
  end if;
  v_users_are_groups := 'user' = any (v_group_types);
  with recursive memberships (type, id, relation, depth) as (
    select h.resource_type, h.resource_id, h.relation, 1
    from unnest(v_group_types) g (type)
    cross join lateral (
      select t.resource_type, t.resource_id, t.relation
      from authz.tuples t
      where t.namespace = p_namespace
        and t.subject_type = p_subject_type
        and t.subject_id = v_scope.subject_id
        and t.resource_type = g.type
        and t.subject_relation is null
        and t.relation <> 'parent'
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) h
    union
    select h.resource_type, h.resource_id, 'member', m.depth + 1
    from memberships m
    cross join lateral (
      select t.resource_type, t.resource_id
      from authz.tuples t
      where t.namespace = p_namespace
        and t.subject_type = m.type
        and t.subject_id = m.id
        and t.relation = 'member'
        and (t.subject_type <> 'user' or t.subject_relation is not null)
        and (t.subject_relation is null or t.subject_relation = m.relation)
        and (t.expires_at is null or t.expires_at > now())
      union all
      select t.resource_type, t.resource_id
      from authz.tuples t
      where v_users_are_groups
        and m.type = 'user'
        and t.namespace = p_namespace
        and t.subject_type = 'user'
        and t.subject_id = m.id
        and t.subject_relation is null
        and t.relation = 'member'
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) h
    where m.depth < authz._max_depth()
  )
  select array_agg(m.type), array_agg(m.id), array_agg(m.relation)
  into v_scope.group_types, v_scope.group_ids, v_scope.group_relations
  from memberships m;
  return v_scope;
end
$$;
