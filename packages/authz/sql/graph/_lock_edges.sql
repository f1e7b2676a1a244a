-- authz._lock_edges: takes the locks that several kinds of edges need, before any of them is touched.
--
-- More than one kind that nests groups or resources takes the lock of the graph, whatever each would need: taking it
-- after one that is shared could end in a deadlock.
--
-- Takes    p_kinds  resource type, relation and subject type of each, with a space between; identifiers have none
-- Locks    the row of authz.graph_state, or as authz._lock_if_structural for one kind
create function authz._lock_edges(p_kinds text[], p_namespace text)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_structural text[] := array(
    select distinct k.kind
    from unnest(p_kinds) k (kind)
    where split_part(k.kind, ' ', 2) = 'parent'
      or (split_part(k.kind, ' ', 2) = 'member' and split_part(k.kind, ' ', 3) <> 'user')
  );
begin
  if cardinality(v_structural) > 1 then
    perform authz._lock_graph(p_namespace);
  elsif cardinality(v_structural) = 1 then
    perform authz._lock_if_structural(
      split_part(v_structural[1], ' ', 1), split_part(v_structural[1], ' ', 2),
      split_part(v_structural[1], ' ', 3), p_namespace
    );
  end if;
end
$$;
