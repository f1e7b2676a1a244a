-- authz._lock_graph: lets one transaction at a time change the groups and containers of a namespace.
--
-- A row lock rather than an advisory one: under repeatable read the second writer fails with 40001 instead of
-- testing for cycles in a snapshot that misses the first one's edge. Taken before any other lock, by writes and
-- deletes alike, so that structural transactions never wait for each other in a circle. Outside the tenant there is
-- nothing to change and nothing to lock.
create function authz._lock_graph(p_namespace text)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  if not authz._is_tenant(p_namespace) then
    return;
  end if;
  insert into authz.graph_state as g (namespace)
  values (p_namespace)
  on conflict (namespace) do update set version = g.version + 1;
end
$$;
