-- authz._describe_obstacles: what keeps a way from giving its permission: edges that have ended, and edges to the
-- holders of another relation than the one that is held.
create function authz._describe_obstacles(p_path authz.granting_path, p_namespace text)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return (
    with edges as (
      select
        t.ordinality as position, t.id, t.expires_at, t.subject_relation,
        lag(t.relation) over (order by t.ordinality) as held
      from authz._tuples_of(
        p_path.membership_ids || p_path.grant_id || p_path.container_ids, p_namespace
      ) with ordinality t
    ),
    obstacles (position, type, id, held) as (
      select e.position, 'expired', e.id, null
      from edges e
      where e.expires_at <= now()
      union all
      select e.position, 'relation', e.id, e.held
      from edges e
      where e.subject_relation <> e.held
    )
    select
      jsonb_agg(
        jsonb_build_object(
          'type', o.type, 'edge', authz._describe_edges(array[o.id], p_namespace) -> 0, 'held', o.held
        )
        order by o.position, o.type
      )
    from obstacles o
  );
end
$$;
