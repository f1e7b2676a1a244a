-- authz._reaches_group: whether one group is, through member edges, inside another.
--
-- Ignores expiry: an edge that is over may be given a new expiry. Bounded by the number of groups, since union
-- visits each once.
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
      join authz.tuples t
        on t.namespace = p_namespace
        and t.subject_type = r.type
        and t.subject_id = r.id
        and t.resource_type = any (v_group_types)
        and t.relation = 'member'
    )
    select from reached r where r.type = p_to_type and r.id = p_to_id
  );
end
$$;
