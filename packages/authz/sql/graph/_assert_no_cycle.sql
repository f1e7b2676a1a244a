-- authz._assert_no_cycle: refuses an edge that would put a group or a resource inside itself through others.
--
-- The caller holds the lock of the graph.
--
-- Raises   BIZ_CYCLE_GROUP (PK001) · BIZ_CYCLE_RESOURCE (PK001)
create function authz._assert_no_cycle(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_namespace text
)
returns void
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_relation = 'member' and p_subject_type <> 'user'
    and authz._reaches_group(p_resource_type, p_resource_id, p_subject_type, p_subject_id, p_namespace)
  then
    raise exception 'this membership would make a cycle of groups'
      using errcode = 'PK001', hint = 'postkit:authz:BIZ_CYCLE_GROUP';
  end if;
  if p_relation = 'parent'
    and authz._reaches_resource(p_subject_type, p_subject_id, p_resource_type, p_resource_id, p_namespace)
  then
    raise exception 'this parent would make a cycle of resources'
      using errcode = 'PK001', hint = 'postkit:authz:BIZ_CYCLE_RESOURCE';
  end if;
end
$$;
