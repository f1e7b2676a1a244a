-- authz.visibility: what decides which resources of a type a subject has a permission on, worked out once for
-- authz.is_visible to be asked of each row.
--
-- Takes    as authz.visible_ids
-- Returns  a value for authz.is_visible in the same statement; it holds only while nothing changes
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select * from docs d
--          where authz.is_visible((select authz.visibility('user', 'alice', 'doc', 'read')), d.id::text)
--          order by d.created_at desc limit 20;
create function authz.visibility(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_permission text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns authz.scope
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_scope authz.scope;
  v_open authz.nodes;
begin
  perform authz._assert_readable(p_namespace);
  v_scope := authz._scope(p_subject_type, p_subject_id, array[p_permission], p_resource_type, p_namespace);
  v_open := authz._open_resources(v_scope, authz._container_types(p_resource_type, p_namespace));
  v_scope.container_types := v_open.types;
  v_scope.container_ids := v_open.ids;
  return v_scope;
end
$$;
