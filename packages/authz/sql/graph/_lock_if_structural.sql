-- authz._lock_if_structural: takes the locks that an edge which nests groups or resources needs, before it is touched.
--
-- The edge of a resource whose type can never contain itself needs no turn: it shares the lock of its pair of types,
-- which whoever makes the types lead back to themselves must have alone.
--
-- Returns  whether the edge could close a cycle; null when there was never a parent edge of these types
-- Locks    the row of authz.graph_state, or the pair's of authz.type_edges shared
create function authz._lock_if_structural(
  p_resource_type text,
  p_relation text,
  p_subject_type text,
  p_namespace text
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_is_cyclic boolean;
begin
  if p_relation = 'member' and p_subject_type <> 'user' then
    perform authz._lock_graph(p_namespace);
    return true;
  end if;
  if p_relation <> 'parent' then
    return false;
  end if;

  select e.is_cyclic
  into v_is_cyclic
  from authz.type_edges e
  where e.namespace = p_namespace
    and e.child_type = p_resource_type
    and e.parent_type = p_subject_type
  for share;
  if v_is_cyclic then
    perform authz._lock_graph(p_namespace);
  end if;
  return v_is_cyclic;
end
$$;
