-- authz._assert_not_self: refuses an edge from a group or a resource to itself.
--
-- Raises   BIZ_SELF_MEMBERSHIP (PK001) · BIZ_SELF_PARENT (PK001)
create function authz._assert_not_self(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text
)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_resource_type <> p_subject_type or p_resource_id <> p_subject_id then
    return;
  end if;
  if p_relation = 'member' and p_subject_type <> 'user' then
    raise exception 'a group cannot be a member of itself'
      using errcode = 'PK001', hint = 'postkit:authz:BIZ_SELF_MEMBERSHIP';
  end if;
  if p_relation = 'parent' then
    raise exception 'a resource cannot be its own parent'
      using errcode = 'PK001', hint = 'postkit:authz:BIZ_SELF_PARENT';
  end if;
end
$$;
