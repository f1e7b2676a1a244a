-- queue._validate_namespace: refuses what cannot be a namespace.
--
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023)
create function queue._validate_namespace(p_value text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_violation text := queue._name_violation(p_value, 1024);
begin
  if v_violation is not null then
    perform queue._refuse_name(v_violation, 'namespace', 'VAL_NAMESPACE', 1024);
  end if;
end
$$;
