-- authz._max_depth: how far groups, containers and rules are followed; access beyond it is not found.
create function authz._max_depth()
returns int
language sql
immutable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
  select 50
$$;
