-- authz._reaches_resource: whether one resource is, through parent edges, inside another. Ignores expiry.
create function authz._reaches_resource(
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
      select t.subject_type, t.subject_id
      from reached r
      join authz.tuples t
        on t.namespace = p_namespace
        and t.resource_type = r.type
        and t.resource_id = r.id
        and t.relation = 'parent'
    )
    select from reached r where r.type = p_to_type and r.id = p_to_id
  );
end
$$;
