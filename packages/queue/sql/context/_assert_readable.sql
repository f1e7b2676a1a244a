-- queue._assert_readable: refuses to read of no namespace, and tells why a read outside the tenant finds nothing.
--
-- Raises   VAL_NAMESPACE_NULL (22004)
create function queue._assert_readable(p_namespace text)
returns void
language plpgsql
stable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_namespace is null then
    perform queue._validate_namespace(p_namespace);
  end if;
  perform queue._warn_namespace_mismatch(p_namespace);
end
$$;
