-- authz._lock_new_types: takes the lock of the graph when grants that are to be written name types that are new to it.
--
-- Before any row is held: authz._register_types, which learns the types, would wait for the lock with rows in hand.
--
-- Takes    p_subject_types, p_subject_relations  one element of each a grant, of any relation but 'parent'
-- Locks    the row of authz.graph_state, once per new type
create function authz._lock_new_types(
  p_resource_type text,
  p_subject_types text[],
  p_subject_relations text[],
  p_namespace text
)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_group_types text[] := array(
    select distinct g.type
    from unnest(p_subject_types, p_subject_relations) s (type, relation)
    cross join lateral (values (s.type), (case when p_resource_type = 'user' then 'user' else s.type end)) g (type)
    where s.type <> 'user'
      or s.relation <> ''
      or p_resource_type = 'user'
  );
begin
  if cardinality(v_group_types) > 0 and not exists (
    select
    from authz.graph_state g
    where g.namespace = p_namespace
      and g.group_types @> v_group_types
  ) then
    perform authz._lock_graph(p_namespace);
  end if;
end
$$;
