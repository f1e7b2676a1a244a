-- authz._validate_key_size: refuses names and ids that together are too long for an index entry.
--
-- PostgreSQL keeps at most a third of a page, 2704 bytes, in one.
--
-- Raises   VAL_KEY_TOO_LONG (22001)
create function authz._validate_key_size(variadic p_parts text[])
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_bytes int := octet_length(array_to_string(p_parts, ''));
begin
  if v_bytes > 2600 then
    raise exception 'names and ids together have % bytes, the most is 2600', v_bytes
      using errcode = '22001', hint = 'postkit:authz:VAL_KEY_TOO_LONG';
  end if;
end
$$;
