-- authz._describe_path: a way to a permission as an object.
--
-- Takes    p_rules  from authz._rule_chains
create function authz._describe_path(p_path authz.granting_path, p_rules jsonb, p_namespace text)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return jsonb_build_object(
    'grant', authz._describe_edges(array[p_path.grant_id], p_namespace) -> 0,
    'memberships', authz._describe_edges(p_path.membership_ids, p_namespace),
    'containers', authz._describe_edges(p_path.container_ids, p_namespace),
    'permissions', p_rules -> p_path.relation
  );
end
$$;
