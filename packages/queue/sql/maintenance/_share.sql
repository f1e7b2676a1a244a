-- queue._share: how many percent some pages are of a table.
--
-- Takes    p_size  of the table, in bytes
create function queue._share(p_pages int, p_size bigint)
returns real
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return least(100, 100.0 * p_pages * current_setting('block_size')::int / greatest(p_size, 1));
end
$$;
