-- queue._validate_tick: refuses a limit out of range, and all namespaces for a role that may not see them.
--
-- Raises   VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
--          · BIZ_ALL_NAMESPACES_REQUIRES_BYPASS (42501)
create function queue._validate_tick(p_namespace text, p_limit int)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_limit(p_limit);
  if p_namespace is not null then
    perform queue._validate_namespace(p_namespace);
    perform queue._validate_pull(p_namespace, null);
  elsif not (queue._rls_bypassed() or queue._is_maintenance()) then
    raise exception 'all namespaces are only for roles that row level security does not bind'
      using errcode = '42501', hint = 'postkit:queue:BIZ_ALL_NAMESPACES_REQUIRES_BYPASS';
  end if;
end
$$;
