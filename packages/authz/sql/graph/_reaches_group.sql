-- authz._reaches_group: whether one group is, through member edges, inside another.
--
-- Ignores expiry: an edge that is over may be given a new expiry. Bounded by the number of groups, since union
-- visits each once. A user is no group here, as in the test of what is written, so that order does not matter.
create function authz._reaches_group(
  p_from_type text,
  p_from_id text,
  p_to_type text,
  p_to_id text,
  p_namespace text
)
returns boolean
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_group_types text[];
begin
  select g.group_types || p_to_type into v_group_types from authz.graph_state g where g.namespace = p_namespace;
  return exists (
    with recursive reached (type, id) as (
      select p_from_type collate "C", p_from_id collate "C"
      union
      select t.resource_type, t.resource_id
      from reached r
      cross join unnest(v_group_types) g (type)
      cross join lateral (
        select m.resource_type, m.resource_id
        from authz.tuples m
        where m.namespace = p_namespace
          and m.subject_type = r.type
          and m.subject_id = r.id
          and m.resource_type = g.type
          and m.subject_type <> 'user'
          and m.relation = 'member'
        offset 0
      ) t
    )
    select from reached r where r.type = p_to_type and r.id = p_to_id
  );
end
$$;
