-- authz._max_described: how many elements each list of an explanation in JSON has at most.
create function authz._max_described()
returns int
language sql
immutable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
  select 100
$$;
