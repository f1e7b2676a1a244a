-- queue.set_tenant: sets the tenant for the rest of the transaction.
--
-- Takes    p_tenant_id  the namespace
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023)
-- Example  select queue.set_tenant('acme');
create function queue.set_tenant(p_tenant_id text)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue._validate_namespace(p_tenant_id);
  perform set_config('postkit.tenant_id', p_tenant_id, true);
end
$$;
