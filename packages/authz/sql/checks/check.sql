-- authz.check: whether a subject has a permission on a resource.
--
-- By a grant to the subject or to a group it is in, on the resource or on a container around it, of the permission or
-- of one that implies it. Anything unknown is false.
--
-- Takes    p_subject_type, p_subject_id    who asks
--          p_permission                    for what
--          p_resource_type, p_resource_id  on what
--          p_namespace                     tenant; the transaction's by default
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select authz.check('user', 'alice', 'read', 'repo', 'api');
create function authz.check(
  p_subject_type text,
  p_subject_id text,
  p_permission text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  -- The commonest answer first: one probe of the unique key, before groups, containers and rules.
  perform
  from authz.tuples t
  where t.namespace = p_namespace
    and t.resource_type = p_resource_type
    and t.resource_id = normalize(p_resource_id, nfc)
    and t.subject_type = p_subject_type
    and t.subject_id = normalize(p_subject_id, nfc)
    and t.relation = p_permission
    and t.relation <> 'parent'
    and coalesce(t.subject_relation, '') = ''
    and (t.expires_at is null or t.expires_at > now());
  if found then
    return true;
  end if;
  -- Each "perform" costs as much as the probe above.
  if (p_namespace = current_setting('postkit.tenant_id', true)) is not true then
    perform authz._assert_readable(p_namespace);
  end if;
  return authz._holds_any(
    p_subject_type, normalize(p_subject_id, nfc),
    authz._implied_by(p_resource_type, array[p_permission], p_namespace),
    p_resource_type, normalize(p_resource_id, nfc), p_namespace
  );
end
$$;
