-- authz.visible_ids: every resource of a type on which a subject has a permission.
--
-- Made to filter a table of the application's own, in a form that uses the index of its key:
-- d.id = any (array(select unnest(authz.visible_ids(…))::uuid)). The cost grows with the number of ids; where a subject
-- sees most of a large table, authz.is_visible is the better way.
--
-- Takes    p_subject_type, p_subject_id    who asks
--          p_resource_type, p_permission   for what
--          p_namespace                     tenant; the transaction's by default
-- Returns  the ids in no order, none twice; one that was sent in another Unicode form than NFC in each form
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select unnest(authz.visible_ids('user', 'alice', 'doc', 'read'));
create function authz.visible_ids(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_permission text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns text[]
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
  v_ids text[];
begin
  perform authz._assert_readable(p_namespace);
  v_scope := authz._scope(p_subject_type, p_subject_id, array[p_permission], p_resource_type, p_namespace);
  v_types := authz._container_types(p_resource_type, p_namespace);
  if v_types <> '{}' then
    v_open := authz._containers_within(authz._open_resources(v_scope, v_types), v_types, p_namespace);
  end if;

  v_ids := array(
    select o.id
    from unnest((authz._open_resources(v_scope, array[p_resource_type])).ids) o (id)
    union
    select e.resource_id
    from unnest(v_open.types, v_open.ids) c (type, id)
    cross join lateral (
      select t.resource_id
      from authz.tuples t
      where t.namespace = p_namespace
        and t.subject_type = c.type
        and t.subject_id = c.id
        and t.resource_type = p_resource_type
        and t.relation = 'parent'
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) e
  );
  return v_ids || array(
    select distinct t.resource_id_raw
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = p_resource_type
      and t.resource_id_raw is not null
      and (t.resource_id in (select i.id from unnest(v_ids) i (id))) is true
  );
end
$$;
