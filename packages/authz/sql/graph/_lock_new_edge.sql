-- authz._lock_new_edge: takes the locks for a tuple that is to be written, and refuses one that would close a cycle.
--
-- Raises   BIZ_CYCLE_GROUP (PK001) · BIZ_CYCLE_RESOURCE (PK001) · BIZ_ISOLATION_LEVEL (25001)
create function authz._lock_new_edge(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_namespace text
)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_may_cycle boolean := authz._lock_if_structural(p_resource_type, p_relation, p_subject_type, p_namespace);
begin
  if v_may_cycle is null then
    perform authz._register_type_edge(p_resource_type, p_subject_type, p_namespace);
  end if;
  if v_may_cycle is distinct from false then
    perform authz._assert_no_cycle(
      p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id, p_namespace
    );
  end if;
end
$$;
