-- authz.check_bulk: many checks in one call.
--
-- Questions of one subject about one permission on resources of one type are answered together, as cheaply as by
-- authz.filter_authorized.
--
-- Takes    p_checks     at most 1000: [{"subject_type", "subject_id", "permission", "resource_type", "resource_id"}]
--          p_namespace  tenant; the transaction's by default
-- Returns  the answers of authz.check, in the order of the questions
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023)
--          · VAL_NAMESPACE_NULL (22004)
-- Example  select authz.check_bulk('[{"subject_type": "user", "subject_id": "alice", "permission": "read",
--            "resource_type": "doc", "resource_id": "1"}]');
create function authz.check_bulk(
  p_checks jsonb,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_answers boolean[] := '{}';
  v_check record;
  v_admitted text[];
begin
  perform authz._validate_checks(p_checks);
  perform authz._assert_readable(p_namespace);
  if p_checks = '[]' then
    return v_answers;
  end if;

  v_answers[jsonb_array_length(p_checks)] := null;
  for v_check in
    select c.value ->> 'subject_type' as subject_type, c.value ->> 'subject_id' as subject_id,
      c.value ->> 'permission' as permission, c.value ->> 'resource_type' as resource_type,
      array_agg(c.position) as positions, array_agg(normalize(c.value ->> 'resource_id', nfc)) as resource_ids
    from jsonb_array_elements(p_checks) with ordinality c (value, position)
    group by 1, 2, 3, 4
  loop
    v_admitted := authz._admitted(
      authz._scope(
        v_check.subject_type, v_check.subject_id, array[v_check.permission], v_check.resource_type, p_namespace
      ),
      array(select distinct r.id from unnest(v_check.resource_ids) r (id))
    );
    for v_index in 1..cardinality(v_check.positions) loop
      v_answers[v_check.positions[v_index]] := v_check.resource_ids[v_index] = any (v_admitted);
    end loop;
  end loop;
  return v_answers;
end
$$;
