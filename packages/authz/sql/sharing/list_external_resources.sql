-- authz.list_external_resources: a page of what other tenants share with the viewer, newest first.
--
-- Finds grants to the viewer itself in any namespace but the tenant's: none to its groups, none on containers. Of the
-- rules only those of namespace global widen the permission. A subject's id means the same subject in every
-- namespace here, so subjects whose ids are unique only within a tenant must not ask.
--
-- Runs as the owner, since no other role sees more than one tenant; a policy for recipients would cost every check.
--
-- Takes    p_subject_type, p_subject_id  the viewer, as in authz.set_viewer
--          p_resource_type               only resources of this type
--          p_permission                  only grants that give it
--          p_namespace                   tenant; the transaction's by default
--          p_limit                       grants on the page, 1 to 1000
--          p_cursor                      cursor of the last grant of the page before
-- Returns  one row a grant that has not ended; ids as they were sent; cursor is opaque
-- Raises   VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023) · VAL_CURSOR_INVALID (22023)
--          · VAL_NAMESPACE_NULL (22004) · BIZ_VIEWER_NOT_SET (42501) · BIZ_VIEWER_MISMATCH (42501)
-- Example  select * from authz.list_external_resources('user', 'alice', 'doc', 'read');
create function authz.list_external_resources(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_permission text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_limit int default 100,
  p_cursor text default null
)
returns table (
  namespace text,
  resource_id text,
  relation text,
  created_at timestamptz,
  expires_at timestamptz,
  cursor text
)
language plpgsql
stable
security definer
set search_path = authz, pg_temp
as $$
declare
  v_before authz.audit_position;
  v_relations text[];
  v_maintenance text := coalesce(current_setting('postkit.maintenance', true), '');
begin
  perform authz._validate_limit(p_limit);
  if p_namespace is null then
    perform authz._validate_namespace(p_namespace);
  end if;
  v_before := coalesce(authz._decode_audit_cursor(p_cursor), row('infinity', 0)::authz.audit_position);
  perform authz._assert_viewer(p_subject_type, p_subject_id);
  perform authz._warn_tenant(p_namespace);
  if current_setting('postkit.tenant_id', true) is distinct from p_namespace then
    return;
  end if;
  v_relations := authz._implied_by(p_resource_type, array[p_permission], 'global');

  perform set_config('postkit.maintenance', 'on', true);
  -- Both sides of the own namespace, rather than <>: the index passes over a viewer's many grants at home.
  return query
  select
    t.namespace::text,
    coalesce(t.resource_id_raw, t.resource_id)::text,
    t.relation::text,
    t.created_at,
    t.expires_at,
    authz._encode_audit_cursor(t.created_at, t.id)
  from authz.tuples t
  where t.subject_id collate "POSIX" = normalize(p_subject_id, nfc)
    and t.subject_type = p_subject_type
    and (t.namespace < p_namespace or t.namespace > p_namespace)
    and t.subject_relation is null
    and t.resource_type = p_resource_type
    and t.relation = any (v_relations)
    and (t.expires_at is null or t.expires_at > now())
    and (t.created_at, t.id) < (v_before.event_time, v_before.id)
  order by t.created_at desc, t.id desc
  limit p_limit;
  perform set_config('postkit.maintenance', v_maintenance, true);
end
$$;
