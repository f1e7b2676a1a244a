-- authz._group_types_in_use: the types that authz._register_types would know as groups, from the tuples themselves.
create function authz._group_types_in_use(p_namespace text)
returns text[]
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  return array(
    select t.subject_type
    from authz.tuples t
    where t.namespace = p_namespace
      and t.relation <> 'parent'
      and (t.subject_type <> 'user' or t.subject_relation is not null)
    union
    select t.resource_type
    from authz.tuples t
    where t.namespace = p_namespace
      and t.relation <> 'parent'
      and t.resource_type = 'user'
  );
end
$$;
