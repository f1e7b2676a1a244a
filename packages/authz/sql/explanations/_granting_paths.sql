-- authz._granting_paths: the grants that bring together what a subject is and where a resource is, each once, by its
-- best trails; the best first.
--
-- Takes    p_memberships  from authz._trace_memberships
--          p_containers   from authz._trace_containers
--          p_relations    relations that are enough
--          p_loose        takes grants that have ended or ask for another relation as well, as obstacles
create function authz._granting_paths(
  p_memberships authz.trail[],
  p_containers authz.trail[],
  p_relations text[],
  p_namespace text,
  p_loose boolean
)
returns authz.granting_path[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return array(
    with granted_on as materialized (
      select c.type, c.id, c.obstacles, c.expires_at, c.tuple_ids
      from unnest(p_containers) c
      cross join lateral (
        select
        from authz.tuples e
        where e.namespace = p_namespace
          and e.resource_type = c.type
          and e.resource_id = c.id
          and e.relation <> 'parent'
        limit 1
      ) t
    )
    select row(g.id, g.relation, g.membership_ids, g.container_ids, g.obstacles, g.expires_at)::authz.granting_path
    from (
      select distinct on (t.id)
        t.id, t.relation, m.tuple_ids as membership_ids, c.tuple_ids as container_ids,
        m.obstacles + c.obstacles
          + (t.expires_at is not null and t.expires_at <= now())::int
          + (t.subject_relation is not null and t.subject_relation <> m.relation)::int as obstacles,
        least(m.expires_at, c.expires_at, t.expires_at) as expires_at,
        cardinality(m.tuple_ids) + cardinality(c.tuple_ids) as length
      from granted_on c
      cross join unnest(p_memberships) m
      cross join unnest(p_relations) r (relation)
      -- Offset 0 has the planner probe the key of each: a resource may have any number of grants that lead nowhere.
      cross join lateral (
        select e.id, e.relation, e.subject_relation, e.expires_at
        from authz.tuples e
        where e.namespace = p_namespace
          and e.resource_type = c.type
          and e.resource_id = c.id
          and e.relation = r.relation
          and e.subject_type = m.type
          and e.subject_id = m.id
          and (e.subject_relation is null or m.relation is not null)
          and (p_loose or e.subject_relation is null or e.subject_relation = m.relation)
          and (p_loose or e.expires_at is null or e.expires_at > now())
        offset 0
      ) t
      order by t.id, obstacles, expires_at desc, length, m.tuple_ids
    ) g
    order by g.obstacles, g.expires_at desc, g.length, g.id
  );
end
$$;
