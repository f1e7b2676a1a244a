-- authz.explain_text: why a subject has a permission on a resource, in a line for each grant that gives it; else a line
-- that begins with NO ACCESS.
--
-- Takes    as authz.check
-- Returns  lines of these forms
--            DIRECT: user:alice has read on doc:1
--            GROUP: user:alice is member of team:eng which has read on doc:1
--            GROUP: user:alice is member of team:eng which has read on doc:1 (via team:infra -> team:eng)
--            HIERARCHY: user:alice has edit (edit -> read) on doc:1
--            RESOURCE: user:alice has read on folder:a which contains doc:1 -> folder:b -> folder:a
--            NO ACCESS: user:alice does not have read on doc:1
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select authz.explain_text('user', 'alice', 'read', 'repo', 'api');
create function authz.explain_text(
  p_subject_type text,
  p_subject_id text,
  p_permission text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns setof text
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return query
    select
      format('%s: %s:%s ', upper(p.path_type), p_subject_type, p_subject_id)
      || case
        when p.membership is null then ''
        else format('is %s of %s:%s which ', p.membership, p.subject_type, p.subject_id)
      end
      || format('has %s ', p.permissions[1])
      || case
        when cardinality(p.permissions) = 1 then ''
        else format('(%s) ', array_to_string(p.permissions, ' -> '))
      end
      || format('on %s', p.containers[cardinality(p.containers)])
      || case
        when cardinality(p.containers) = 1 then ''
        else format(' which contains %s', array_to_string(p.containers, ' -> '))
      end
      || case
        when cardinality(p.groups) < 2 then ''
        else format(' (via %s)', array_to_string(p.groups, ' -> '))
      end
    from authz._explain_paths(
      p_subject_type, p_subject_id, p_permission, p_resource_type, p_resource_id, p_namespace, null
    ) p;
  if not found then
    return next format(
      'NO ACCESS: %s:%s does not have %s on %s:%s',
      p_subject_type, p_subject_id, p_permission, p_resource_type, p_resource_id
    );
  end if;
end
$$;
