-- authz._admitted: those of some resources on which, or on a container around which, a scope holds what is enough.
--
-- Each container is reached once for all resources in it, however many. Which of them are open is looked up among all
-- that are open to the scope when these are few, and asked of each otherwise.
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
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_type constant text := p_scope.resource_type;
  v_container_types text[] := authz._container_types(v_type, p_scope.namespace);
  v_is_all boolean := false;
  v_own authz.nodes;
  v_admitted text[];
  v_inner authz.nodes;
  v_outer authz.nodes;
  v_open authz.nodes;
begin
  -- What is open to the scope at all, when that is little; otherwise each resource and container is asked.
  if coalesce(cardinality(p_scope.group_ids), 0) <= 100 then
    v_open := authz._open_resources(p_scope, v_container_types || v_type, 1001);
    v_is_all := coalesce(cardinality(v_open.ids), 0) <= 1000;
  end if;
  if v_is_all and v_open.ids is null then
    return '{}';
  end if;
  v_own := case when v_is_all then v_open
    else authz._open_among(p_scope, array_fill(v_type, array[cardinality(p_resource_ids)]), p_resource_ids)
  end;
  v_admitted := array(
    select r.id
    from unnest(p_resource_ids) r (id)
    where ((v_type, r.id) in (select o.type, o.id from unnest(v_own.types, v_own.ids) o (type, id))) is true
  );
  if v_container_types = '{}' then
    return v_admitted;
  end if;

  with recursive edges (inner_type, inner_id, type, id) as (
    select v_type collate "C", r.id collate "C", t.subject_type, t.subject_id
    from unnest(p_resource_ids) r (id)
    join authz.tuples t
      on t.namespace = p_scope.namespace
      and t.resource_type = v_type
      and t.resource_id = r.id
      and t.relation = 'parent'
      and t.subject_relation is null
      and (t.expires_at is null or t.expires_at > now())
    where r.id <> all (v_admitted)
    union
    select t.resource_type, t.resource_id, t.subject_type, t.subject_id
    from edges e
    join authz.tuples t
      on t.namespace = p_scope.namespace
      and t.resource_type = e.type
      and t.resource_id = e.id
      and t.relation = 'parent'
      and t.subject_relation is null
      and (t.expires_at is null or t.expires_at > now())
  )
  select array_agg(e.inner_type), array_agg(e.inner_id), array_agg(e.type), array_agg(e.id)
  into v_inner.types, v_inner.ids, v_outer.types, v_outer.ids
  from edges e;
  if v_inner.ids is null then
    return v_admitted;
  end if;

  if not v_is_all then
    select array_agg(n.type), array_agg(n.id)
    into v_open.types, v_open.ids
    from (select distinct o.type, o.id from unnest(v_outer.types, v_outer.ids) o (type, id)) n;
    v_open := authz._open_among(p_scope, v_open.types, v_open.ids);
    if v_open.ids is null then
      return v_admitted;
    end if;
  end if;

  return array(
    with recursive
      edges as materialized (
        select e.inner_type, e.inner_id, e.type, e.id
        from unnest(v_inner.types, v_inner.ids, v_outer.types, v_outer.ids) e (inner_type, inner_id, type, id)
      ),
      admitted (type, id, depth) as (
        select o.type, o.id, 0
        from unnest(v_open.types, v_open.ids) o (type, id)
        union
        select e.inner_type, e.inner_id, a.depth + 1
        from admitted a
        join edges e on e.type = a.type and e.id = a.id
        where a.depth < authz._max_depth()
      )
    select unnest(v_admitted)
    union
    select a.id from admitted a
    where a.type = v_type and (a.id in (select r.id from unnest(p_resource_ids) r (id))) is true
      and a.depth > 0
  );
end
$$;
