-- authz._register_type_edge: remembers that resources of one type have parents of another.
--
-- When that lets types lead back to themselves, every pair on the way becomes cyclic. Waiting for its row waits for
-- those who wrote such edges without a cycle test; a snapshot from before would still not see them, so that this one
-- edge, the first of its kind in the namespace, needs read committed.
--
-- Raises   BIZ_ISOLATION_LEVEL (25001)
-- Writes   authz.type_edges · Locks authz.graph_state
create function authz._register_type_edge(p_child_type text, p_parent_type text, p_namespace text)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_is_cyclic boolean;
begin
  if not authz._is_tenant(p_namespace) then
    return;
  end if;
  perform authz._lock_graph(p_namespace);
  v_is_cyclic := p_child_type = p_parent_type
    or p_child_type = any (authz._container_types(p_parent_type, p_namespace));
  insert into authz.type_edges (namespace, child_type, parent_type, is_cyclic)
  values (p_namespace, p_child_type, p_parent_type, v_is_cyclic)
  on conflict (namespace, child_type, parent_type) do nothing;
  if not v_is_cyclic then
    return;
  end if;

  update authz.type_edges e
  set is_cyclic = true
  where e.namespace = p_namespace
    and not e.is_cyclic
    and e.child_type = any (authz._container_types(e.parent_type, p_namespace));
  if found and current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
    raise exception 'the first parent edge that lets resources of these types contain each other needs read committed'
      using errcode = '25001', hint = 'postkit:authz:BIZ_ISOLATION_LEVEL';
  end if;
end
$$;
