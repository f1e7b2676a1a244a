-- authz.explain: every grant that gives a subject a permission on a resource, each with one way in which it does: of
-- those that last longest a shortest.
--
-- A row is there exactly when authz.check is true. What ended is not followed.
--
-- Takes    p_max_depth  how far groups, containers and rules are followed; 50 by default and at most
--          the rest     as authz.check
-- Returns  path_type         direct; group, by a membership; hierarchy, by a rule; resource, by a container, which a
--                            group and a rule may have part in
--          via_relation      what was granted
--          via_subject_type, via_subject_id  to whom
--          via_membership    what the subject is to that group; null for a grant to itself
--          path_chain        group: those the subject is in, up to the granted one; hierarchy: the permissions from
--                            the granted one to that asked for; resource: the resource and the containers up to the
--                            granted one; direct: empty
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.explain('user', 'alice', 'read', 'repo', 'api');
create function authz.explain(
  p_subject_type text,
  p_subject_id text,
  p_permission text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_max_depth int default null
)
returns setof authz.permission_path
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return query
    select p.path_type, p.permissions[1], p.subject_type, p.subject_id, p.membership,
      case p.path_type
        when 'group' then p.groups
        when 'hierarchy' then p.permissions
        when 'resource' then p.containers
        else '{}'
      end
    from authz._explain_paths(
      p_subject_type, p_subject_id, p_permission, p_resource_type, p_resource_id, p_namespace, p_max_depth
    ) p;
end
$$;
