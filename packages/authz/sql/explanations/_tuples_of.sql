-- authz._tuples_of: tuples by their ids, in that order.
create function authz._tuples_of(p_tuple_ids bigint[], p_namespace text)
returns setof authz.tuples
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select t.*
    from unnest(p_tuple_ids) with ordinality i (id, position)
    cross join lateral (
      select e.*
      from authz.tuples e
      where e.namespace = p_namespace
        and e.id = i.id
      offset 0
    ) t
    order by i.position;
end
$$;
