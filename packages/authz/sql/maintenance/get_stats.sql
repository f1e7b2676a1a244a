-- authz.get_stats: how much there is in a namespace.
--
-- Takes    p_namespace  tenant; the transaction's by default
-- Returns  one row: tuples, ended ones that are still stored among them; rules, global ones among them; how many
--          subjects of type user, and how many resources, have a tuple
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.get_stats();
create function authz.get_stats(
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (tuple_count bigint, hierarchy_rule_count bigint, unique_users bigint, unique_resources bigint)
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._assert_readable(p_namespace);
  return query
    select count(*),
      (select count(*) from authz.permission_hierarchy h where h.namespace in (p_namespace, 'global')),
      count(distinct t.subject_id) filter (where t.subject_type = 'user'),
      count(distinct (t.resource_type, t.resource_id))
    from authz.tuples t
    where t.namespace = p_namespace;
end
$$;
