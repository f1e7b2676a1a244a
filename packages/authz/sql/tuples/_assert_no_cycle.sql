-- authz._assert_no_cycle: refuses an edge that would put a group or a resource inside itself.
--
-- Raises   BIZ_SELF_MEMBERSHIP (PK001) · BIZ_CYCLE_GROUP (PK001) · BIZ_SELF_PARENT (PK001)
--          · BIZ_CYCLE_RESOURCE (PK001)
-- Locks    the row of authz.graph_state, for structural edges only
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
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_is_self boolean := p_resource_type = p_subject_type and p_resource_id = p_subject_id;
begin
  if p_relation = 'member' and p_subject_type <> 'user' then
    if v_is_self then
      raise exception 'a group cannot be a member of itself'
        using errcode = 'PK001', hint = 'postkit:authz:BIZ_SELF_MEMBERSHIP';
    end if;
    perform authz._lock_graph(p_namespace);
    if authz._reaches_group(p_resource_type, p_resource_id, p_subject_type, p_subject_id, p_namespace) then
      raise exception 'this membership would make a cycle of groups'
        using errcode = 'PK001', hint = 'postkit:authz:BIZ_CYCLE_GROUP';
    end if;
  elsif p_relation = 'parent' then
    if v_is_self then
      raise exception 'a resource cannot be its own parent'
        using errcode = 'PK001', hint = 'postkit:authz:BIZ_SELF_PARENT';
    end if;
    perform authz._lock_graph(p_namespace);
    if authz._reaches_resource(p_subject_type, p_subject_id, p_resource_type, p_resource_id, p_namespace) then
      raise exception 'this parent would make a cycle of resources'
        using errcode = 'PK001', hint = 'postkit:authz:BIZ_CYCLE_RESOURCE';
    end if;
  end if;
end
$$;
