-- authz._validate_namespace: refuses what cannot be a namespace.
--
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023)
create function authz._validate_namespace(p_value text)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._validate_id(p_value, 'namespace', 'VAL_NAMESPACE');
end
$$;
