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
begin
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
        and t.subject_type <> 'user'
        and t.relation = 'member'
    )
    select from reached r where r.type = p_to_type and r.id = p_to_id
  );
end
$$;
