-- authz._container_types: the types that may contain a type, over any number of others.
create function authz._container_types(p_type text, p_namespace text)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return array(
    with recursive around (type) as (
      select e.parent_type
      from authz.type_edges e
      where e.namespace = p_namespace
        and e.child_type = p_type
      union
      select e.parent_type
      from around a
      join authz.type_edges e
        on e.namespace = p_namespace
        and e.child_type = a.type
    )
    select a.type from around a
  );
end
$$;
