-- authz.clear_viewer: ends what set_viewer set.
--
-- Example  select authz.clear_viewer();
create function authz.clear_viewer()
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform set_config('postkit.viewer_type', '', true);
  perform set_config('postkit.viewer_id', '', true);
end
$$;
