-- authz.count_subjects: how many have a permission on a resource: as many as all pages of authz.list_subjects have.
--
-- Cost: that of reading every one of them, a few microseconds each, since nobody keeps a count. To learn whether
-- there is anybody, ask for a page of one.
--
-- Takes    p_resource_type, p_resource_id  on what
--          p_permission                    for what
--          p_namespace                     tenant; the transaction's by default
--          p_subject_type                  only subjects of this type
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select authz.count_subjects('repo', 'api', 'read');
create function authz.count_subjects(
  p_resource_type text,
  p_resource_id text,
  p_permission text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_subject_type text default null
)
returns bigint
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_relations text[];
  v_group_types text[];
begin
  perform authz._assert_readable(p_namespace);
  v_relations := authz._implied_by(p_resource_type, array[p_permission], p_namespace);
  v_group_types := coalesce(
    (select g.group_types from authz.graph_state g where g.namespace = p_namespace), '{}'
  );
  return (
    select count(*)
    from (
      select distinct f.subject_type, f.subject_id
      from authz._subjects_from(
        authz._subject_sources(
          v_relations, v_group_types, p_resource_type, normalize(p_resource_id, nfc), p_namespace
        ),
        v_relations, v_group_types, coalesce(p_subject_type, ''), '',
        coalesce(p_subject_type || chr(1), chr(1114111)), '', null, p_namespace
      ) f
    ) f
  );
end
$$;
