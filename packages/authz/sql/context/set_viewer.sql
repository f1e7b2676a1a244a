-- authz.set_viewer: names the subject for whom the rest of the transaction looks at what other tenants share.
--
-- It widens no check and no list of a tenant: only the functions for external resources read it.
--
-- Takes    p_viewer_type, p_viewer_id  the subject
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023)
-- Example  select authz.set_viewer('user', 'alice');
create function authz.set_viewer(p_viewer_type text, p_viewer_id text)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._validate_identifier(p_viewer_type, 'viewer_type');
  perform authz._validate_id(p_viewer_id, 'viewer_id');
  perform set_config('postkit.viewer_type', p_viewer_type, true);
  perform set_config('postkit.viewer_id', p_viewer_id, true);
end
$$;
