-- authz._explain_paths: each grant that gives a subject a permission on a resource, in words to be put together.
--
-- Returns  membership   what the subject is to the grant's subject; null where it is that subject itself
--          groups       those it is in, from the first to the grant's subject
--          permissions  from the granted one to the one asked for
--          containers   from the resource to the one that the grant is on
create function authz._explain_paths(
  p_subject_type text,
  p_subject_id text,
  p_permission text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text,
  p_max_depth int
)
returns table (
  path_type text,
  subject_type text,
  subject_id text,
  membership text,
  groups text[],
  permissions text[],
  containers text[]
)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_max_depth int := least(coalesce(p_max_depth, authz._max_depth()), authz._max_depth());
  v_rules jsonb;
  v_paths authz.granting_path[];
begin
  perform authz._assert_readable(p_namespace);
  v_rules := authz._rule_chains(p_resource_type, p_permission, p_namespace, v_max_depth);
  v_paths := authz._granting_paths(
    authz._trace_memberships(p_subject_type, normalize(p_subject_id, nfc), p_namespace, v_max_depth, false),
    authz._trace_containers(p_resource_type, normalize(p_resource_id, nfc), p_namespace, v_max_depth, false),
    array(select jsonb_object_keys(v_rules)), p_namespace, false
  );
  return query
    select
      case
        when cardinality(p.container_ids) > 0 then 'resource'
        when jsonb_array_length(v_rules -> p.relation) > 1 then 'hierarchy'
        when cardinality(p.membership_ids) > 0 then 'group'
        else 'direct'
      end as path_type,
      g.subject_type::text,
      coalesce(g.subject_id_raw, g.subject_id)::text,
      m.relations[cardinality(m.relations)],
      coalesce(m.groups, '{}'),
      array(select jsonb_array_elements_text(v_rules -> p.relation)),
      (p_resource_type || ':' || p_resource_id) || c.containers
    from unnest(v_paths) p
    -- Offset 0 has the planner look up each id, whatever it believes about the size of the table.
    cross join lateral (
      select e.* from authz.tuples e where e.namespace = p_namespace and e.id = p.grant_id offset 0
    ) g
    cross join lateral (
      select
        array_agg(t.relation::text order by i.position) as relations,
        array_agg(t.resource_type || ':' || coalesce(t.resource_id_raw, t.resource_id) order by i.position) as groups
      from unnest(p.membership_ids) with ordinality i (id, position)
      cross join lateral (
        select e.* from authz.tuples e where e.namespace = p_namespace and e.id = i.id offset 0
      ) t
    ) m
    cross join lateral (
      select
        array_agg(t.subject_type || ':' || coalesce(t.subject_id_raw, t.subject_id) order by i.position) as containers
      from unnest(p.container_ids) with ordinality i (id, position)
      cross join lateral (
        select e.* from authz.tuples e where e.namespace = p_namespace and e.id = i.id offset 0
      ) t
    ) c
    order by
      path_type, cardinality(p.membership_ids) + cardinality(p.container_ids), g.resource_type, g.resource_id,
      g.subject_type, g.subject_id, g.relation, g.subject_relation;
end
$$;
