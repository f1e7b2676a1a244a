-- authz.explain_json: the decision of authz.check as a tree: the ways that give the permission and when it will end, or
-- what was looked at and how near it came.
--
-- Takes    as authz.check
-- Returns  allowed      as authz.check
--          subject, permission, resource  the question
--          expires_at   when access ends if nothing else changes, the latest end of all ways; null for never
--          paths        a way for each grant that gives it, the longest lasting first: grant; memberships, the tuples
--                       from the subject to the group of the grant; containers, those from the resource to the one the
--                       grant is on; permissions, from the granted one to the one asked for; expires_at, when the
--                       first of its tuples ends
--          denial       null when allowed: relations that would give it; containers looked at, the resource first;
--                       memberships, what the subject holds on groups; near_misses, ways as above with obstacles in
--                       place of expires_at, each of type expired (an edge that has ended) or relation (an edge to the
--                       holders of another relation than the one held)
--          truncated    whether a list had more than 100 elements, which are not given
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select authz.explain_json('user', 'alice', 'read', 'repo', 'api') ->> 'expires_at';
create function authz.explain_json(
  p_subject_type text,
  p_subject_id text,
  p_permission text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_max int := authz._max_described();
  v_memberships authz.trail[];
  v_containers authz.trail[];
  v_rules jsonb;
  v_paths authz.granting_path[];
  v_denial jsonb;
begin
  perform authz._assert_readable(p_namespace);
  v_rules := authz._rule_chains(p_resource_type, p_permission, p_namespace, authz._max_depth());
  v_memberships := authz._trace_memberships(
    p_subject_type, normalize(p_subject_id, nfc), p_namespace, authz._max_depth(), false
  );
  v_containers := authz._trace_containers(
    p_resource_type, normalize(p_resource_id, nfc), p_namespace, authz._max_depth(), false
  );
  v_paths := authz._granting_paths(
    v_memberships, v_containers, array(select jsonb_object_keys(v_rules)), p_namespace, false
  );
  if cardinality(v_paths) = 0 then
    v_denial := authz._describe_denial(
      v_memberships, v_containers, v_rules,
      p_subject_type, p_subject_id, p_resource_type, p_resource_id, p_namespace
    );
  end if;
  return jsonb_build_object(
    'allowed', cardinality(v_paths) > 0,
    'subject', jsonb_build_object('type', p_subject_type, 'id', p_subject_id),
    'permission', p_permission,
    'resource', jsonb_build_object('type', p_resource_type, 'id', p_resource_id),
    'expires_at', nullif(v_paths[1].expires_at, 'infinity'),
    'paths', (
      select
        coalesce(
          jsonb_agg(
            authz._describe_path(v_paths[i], v_rules, p_namespace)
              || jsonb_build_object('expires_at', nullif(v_paths[i].expires_at, 'infinity'))
            order by i
          ),
          '[]'
        )
      from generate_series(1, least(cardinality(v_paths), v_max)) i
    ),
    'denial', v_denial - 'truncated',
    'truncated', coalesce((v_denial ->> 'truncated')::boolean, cardinality(v_paths) > v_max)
  );
end
$$;
