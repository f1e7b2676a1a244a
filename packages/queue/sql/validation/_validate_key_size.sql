-- queue._validate_key_size: refuses names that together are longer than a key of an index can be.
--
-- Takes   p_name  a further part of the key; null for none
-- Raises   VAL_KEY_TOO_LONG (22001)
create function queue._validate_key_size(p_namespace text, p_queue text, p_name text default null)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if octet_length(p_namespace) + octet_length(p_queue) + coalesce(octet_length(p_name), 0) > 2500 then
    raise exception 'namespace, queue and key together are longer than 2500 bytes'
      using errcode = '22001', hint = 'postkit:queue:VAL_KEY_TOO_LONG';
  end if;
end
$$;
