-- authz._admitted: those of some resources on which, or on a container around which, a scope holds what is enough.
--
-- Parent edges hold containers together and give nothing themselves. Each container is looked at once for all resources
-- that are in it, with a probe for the subject and one for each type of its groups.
--
-- Takes    p_resource_ids  in NFC, without repeats
-- Returns  the ids that are admitted, in no order
create function authz._admitted(p_scope authz.scope, p_resource_ids text[])
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_around authz.containment := authz._containers(p_scope.resource_type, p_resource_ids, p_scope.namespace);
  v_open_types text[];
  v_open_ids text[];
begin
  select array_agg(c.type), array_agg(c.id)
  into v_open_types, v_open_ids
  from (select distinct a.type, a.id from unnest(v_around.types, v_around.ids) a (type, id)) c
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
  if v_open_types is null then
    return '{}';
  end if;
  if cardinality(p_resource_ids) = 1 then
    return p_resource_ids;
  end if;

  return array(
    select distinct c.origin
    from unnest(v_around.origins, v_around.types, v_around.ids) c (origin, type, id)
    where ((c.type, c.id) in (select o.type, o.id from unnest(v_open_types, v_open_ids) o (type, id))) is true
  );
end
$$;
