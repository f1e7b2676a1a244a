-- authz._lock_if_structural: takes the lock of the graph for an edge that nests groups or resources.
--
-- Locks    the row of authz.graph_state, for such edges only
create function authz._lock_if_structural(p_relation text, p_subject_type text, p_namespace text)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_relation = 'parent' or (p_relation = 'member' and p_subject_type <> 'user') then
    perform authz._lock_graph(p_namespace);
  end if;
end
$$;
