-- authz._trace_containers: a resource and the containers around it, by the best trails.
--
-- Takes    p_max_depth  edges that a trail has at most
--          p_loose      follows edges that have ended as well, as obstacles
create function authz._trace_containers(
  p_resource_type text,
  p_resource_id text,
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
  v_reached authz.trail[] := array[row(p_resource_type, p_resource_id, null, 0, 'infinity', '{}')::authz.trail];
  v_found authz.trail[];
begin
  for v_depth in 1..p_max_depth loop
    v_found := array(
      select row(
        t.subject_type, t.subject_id, null,
        r.obstacles + (t.expires_at is not null and t.expires_at <= now())::int,
        least(r.expires_at, t.expires_at), r.tuple_ids || t.id
      )::authz.trail
      from unnest(v_reached) r
      -- Offset 0 has the planner probe for each trail, whatever it believes about the size of the table.
      cross join lateral (
        select e.id, e.subject_type, e.subject_id, e.expires_at
        from authz.tuples e
        where e.namespace = p_namespace
          and e.resource_type = r.type
          and e.resource_id = r.id
          and e.relation = 'parent'
          and e.subject_relation is null
          and (p_loose or e.expires_at is null or e.expires_at > now())
        offset 0
      ) t
      where cardinality(r.tuple_ids) = v_depth - 1
    );
    exit when cardinality(v_found) = 0;
    v_reached := authz._best_trails(v_reached, v_found);
  end loop;
  return v_reached;
end
$$;
