-- authz.list_resources: a page of the resources of a type on which a subject has a permission.
--
-- Those in a container that is open to the subject are among them. What is open to it is found again for each page;
-- of what is in there, no more is read than the page needs.
--
-- Takes    p_subject_type, p_subject_id    who asks
--          p_resource_type, p_permission   for what
--          p_namespace                     tenant; the transaction's by default
--          p_limit                         ids on the page, 1 to 1000
--          p_cursor                        last id of the page before
-- Returns  one row a resource, in byte order of the NFC form of the id, which comes as it was sent
-- Raises   VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023) · VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.list_resources('user', 'alice', 'doc', 'read');
create function authz.list_resources(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_permission text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_limit int default 100,
  p_cursor text default null
)
returns table (resource_id text)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_scope authz.scope;
  v_types text[];
  v_open authz.nodes;
  v_after text := coalesce(normalize(p_cursor, nfc), '');
begin
  perform authz._validate_limit(p_limit);
  perform authz._assert_readable(p_namespace);
  v_scope := authz._scope(p_subject_type, p_subject_id, array[p_permission], p_resource_type, p_namespace);
  v_types := authz._container_types(p_resource_type, p_namespace);
  if v_types <> '{}' then
    v_open := authz._containers_within(authz._open_resources(v_scope, v_types), v_types, p_namespace);
  end if;

  -- Each source is read in the order of its index and gives a page at most.
  return query
  select s.id
  from unnest(authz._spelled(
    p_resource_type,
    array(
      select own.resource_id
      from (
        select distinct t.resource_id
        from authz.tuples t
        where t.namespace = p_namespace
          and t.subject_type = v_scope.subject_type
          and t.subject_id = v_scope.subject_id
          and t.resource_type = p_resource_type
          and t.resource_id > v_after
          and t.relation = any (v_scope.relations)
          and t.subject_relation is null
          and (t.expires_at is null or t.expires_at > now())
        order by t.resource_id
        limit p_limit
      ) own
      union
      select groups.resource_id
      from unnest(v_scope.group_types, v_scope.group_ids, v_scope.group_relations) m (type, id, relation)
      cross join lateral (
        select distinct t.resource_id
        from authz.tuples t
        where t.namespace = p_namespace
          and t.subject_type = m.type
          and t.subject_id = m.id
          and t.resource_type = p_resource_type
          and t.resource_id > v_after
          and t.relation = any (v_scope.relations)
          and (t.subject_relation is null or t.subject_relation = m.relation)
          and (t.expires_at is null or t.expires_at > now())
        order by t.resource_id
        limit p_limit
      ) groups
      union
      select contained.resource_id
      from unnest(v_open.types, v_open.ids) c (type, id)
      cross join lateral (
        select distinct t.resource_id
        from authz.tuples t
        where t.namespace = p_namespace
          and t.subject_type = c.type
          and t.subject_id = c.id
          and t.resource_type = p_resource_type
          and t.relation = 'parent'
          and t.resource_id > v_after
          and t.subject_relation is null
          and (t.expires_at is null or t.expires_at > now())
        order by t.resource_id
        limit p_limit
      ) contained
      order by 1
      limit p_limit
    ),
    p_namespace
  )) with ordinality s (id, position)
  order by s.position;
end
$$;
