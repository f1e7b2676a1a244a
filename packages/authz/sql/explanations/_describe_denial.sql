-- authz._describe_denial: what was looked at in vain, and the ways that would give the permission but for obstacles,
-- the nearest miss first.
--
-- Takes    p_memberships  from authz._trace_memberships
--          p_containers   from authz._trace_containers
--          p_rules        from authz._rule_chains
create function authz._describe_denial(
  p_memberships authz.trail[],
  p_containers authz.trail[],
  p_rules jsonb,
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text
)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_max int := authz._max_described();
  v_relations text[] := array(select jsonb_object_keys(p_rules) collate "C" order by 1);
  v_misses authz.granting_path[] := authz._granting_paths(
    authz._trace_memberships(
      p_subject_type, normalize(p_subject_id, nfc), p_namespace, authz._max_depth(), true
    ),
    authz._trace_containers(p_resource_type, normalize(p_resource_id, nfc), p_namespace, authz._max_depth(), true),
    v_relations, p_namespace, true
  );
begin
  return jsonb_build_object(
    'relations', to_jsonb(v_relations[1:v_max]),
    'containers', (
      select
        jsonb_agg(
          jsonb_build_object(
            'type', c.type,
            'id', case when t.id is null then p_resource_id else coalesce(t.subject_id_raw, t.subject_id) end
          )
          order by c.position
        )
      from (
        select s.type, s.tuple_ids, row_number() over (order by cardinality(s.tuple_ids), s.type, s.id) as position
        from unnest(p_containers) s
      ) c
      left join lateral authz._tuples_of(c.tuple_ids[cardinality(c.tuple_ids):], p_namespace) t on true
      where c.position <= v_max
    ),
    'memberships', (
      select
        coalesce(
          jsonb_agg(
            jsonb_build_object(
              'type', t.resource_type, 'id', coalesce(t.resource_id_raw, t.resource_id), 'relation', t.relation
            )
            order by m.position
          ),
          '[]'
        )
      from (
        select s.tuple_ids,
          row_number() over (order by cardinality(s.tuple_ids), s.type, s.id, s.relation) as position
        from unnest(p_memberships) s
        where cardinality(s.tuple_ids) > 0
      ) m
      cross join lateral authz._tuples_of(m.tuple_ids[cardinality(m.tuple_ids):], p_namespace) t
      where m.position <= v_max
    ),
    'near_misses', (
      select
        coalesce(
          jsonb_agg(
            authz._describe_path(v_misses[i], p_rules, p_namespace)
              || jsonb_build_object('obstacles', authz._describe_obstacles(v_misses[i], p_namespace))
            order by i
          ),
          '[]'
        )
      from generate_series(1, least(cardinality(v_misses), v_max)) i
    ),
    'truncated',
    greatest(
      cardinality(v_relations), cardinality(p_containers), cardinality(p_memberships) - 1, cardinality(v_misses)
    ) > v_max
  );
end
$$;
