-- queue._is_maintenance: whether the owner has lifted row level security for himself.
create function queue._is_maintenance()
returns boolean
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return coalesce(current_setting('postkit.maintenance', true), '') = 'on'
    and pg_has_role(
      (select c.relowner from pg_catalog.pg_class c where c.oid = 'queue.ready'::regclass), 'usage'
    );
end
$$;
