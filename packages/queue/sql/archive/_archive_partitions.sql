-- queue._archive_partitions: the partitions of the archive but the default one, with the times they are for.
--
-- Returns  from_time and to_time as in a range: null where there is no bound
create function queue._archive_partitions()
returns table (partition_name text, from_time timestamptz, to_time timestamptz)
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
begin
  return query
    select c.relname::text,
      substring(b.bounds from 'FROM \(''([^'']*)''\)')::timestamptz,
      substring(b.bounds from 'TO \(''([^'']*)''\)')::timestamptz
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    cross join lateral pg_catalog.pg_get_expr(c.relpartbound, c.oid) b (bounds)
    where i.inhparent = 'queue.archive'::regclass
      and b.bounds <> 'DEFAULT';
end
$$;
