-- authz._best_trails: of the trails to each thing the best one: fewest obstacles, then longest lasting, then shortest.
--
-- One trail a thing keeps the walk polynomial, and a walk that takes its rounds by length of the trails finds the best
-- of that length or less, since a better trail that is longer replaces a shorter one and is followed anew.
create function authz._best_trails(p_reached authz.trail[], p_found authz.trail[])
returns authz.trail[]
language plpgsql
immutable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return array(
    select distinct on (f.type, f.id, f.relation) f
    from unnest(p_reached || p_found) f
    order by f.type, f.id, f.relation, f.obstacles, f.expires_at desc, cardinality(f.tuple_ids), f.tuple_ids
  );
end
$$;
