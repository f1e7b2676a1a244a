-- authz._trace_memberships: what a subject is: itself, and the holder of relations on groups, by the best trails.
--
-- As in authz._scope: any relation it holds on a group counts, from there on member edges lead up, an edge with a
-- subject_relation admits only those who hold it, and only types that are subjects of something are groups.
--
-- Takes    p_max_depth  edges that a trail has at most
--          p_loose      follows edges that have ended or ask for another relation as well, as obstacles
create function authz._trace_memberships(
  p_subject_type text,
  p_subject_id text,
  p_namespace text,
  p_max_depth int,
  p_loose boolean
)
returns authz.trail[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_reached authz.trail[] := array[row(p_subject_type, p_subject_id, null, 0, 'infinity', '{}')::authz.trail];
  v_found authz.trail[];
  v_group_types text[];
begin
  select g.group_types into v_group_types from authz.graph_state g where g.namespace = p_namespace;
  for v_depth in 1..p_max_depth loop
    if v_depth = 1 then
      v_found := array(
        select row(
          t.resource_type, t.resource_id, t.relation, (t.expires_at is not null and t.expires_at <= now())::int,
          coalesce(t.expires_at, 'infinity'), array[t.id]
        )::authz.trail
        from unnest(v_group_types) g (type)
        -- Offset 0 has the planner probe for each type, whatever it believes about the size of the table.
        cross join lateral (
          select e.id, e.resource_type, e.resource_id, e.relation, e.expires_at
          from authz.tuples e
          where e.namespace = p_namespace
            and e.subject_type = p_subject_type
            and e.subject_id = p_subject_id
            and e.resource_type = g.type
            and e.subject_relation is null
            and e.relation <> 'parent'
            and (p_loose or e.expires_at is null or e.expires_at > now())
          offset 0
        ) t
      );
    else
      v_found := array(
        select row(
          t.resource_type, t.resource_id, t.relation,
          r.obstacles
            + (t.expires_at is not null and t.expires_at <= now())::int
            + (t.subject_relation is not null and t.subject_relation <> r.relation)::int,
          least(r.expires_at, t.expires_at), r.tuple_ids || t.id
        )::authz.trail
        from unnest(v_reached) r
        cross join unnest(v_group_types) g (type)
        cross join lateral (
          select e.id, e.resource_type, e.resource_id, e.relation, e.subject_relation, e.expires_at
          from authz.tuples e
          where e.namespace = p_namespace
            and e.subject_type = r.type
            and e.subject_id = r.id
            and e.resource_type = g.type
            and e.relation = 'member'
            and (p_loose or e.subject_relation is null or e.subject_relation = r.relation)
            and (p_loose or e.expires_at is null or e.expires_at > now())
          offset 0
        ) t
        where cardinality(r.tuple_ids) = v_depth - 1
      );
    end if;
    exit when cardinality(v_found) = 0;
    v_reached := authz._best_trails(v_reached, v_found);
  end loop;
  return v_reached;
end
$$;
