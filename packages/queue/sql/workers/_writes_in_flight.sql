-- queue._writes_in_flight: the transactions of others that have written to tables and not ended, as far as locks tell.
--
-- Returns  their virtual ids; of one that was prepared before a crash -1/ and its id
create function queue._writes_in_flight(p_tables regclass[])
returns text[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  return array(
    select distinct l.virtualtransaction
    from pg_catalog.pg_locks l
    where l.locktype = 'relation'
      and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
      and l.relation = any (p_tables)
      and l.mode = 'RowExclusiveLock'
      and l.granted
      and l.pid is distinct from pg_backend_pid()
  );
end
$$;
