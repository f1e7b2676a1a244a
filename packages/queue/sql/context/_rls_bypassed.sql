-- queue._rls_bypassed: whether row level security does not bind the current role.
create function queue._rls_bypassed()
returns boolean
language sql
stable
security invoker
set search_path = queue, pg_temp
as $$
  select r.rolsuper or r.rolbypassrls from pg_catalog.pg_roles r where r.rolname = current_user
$$;
