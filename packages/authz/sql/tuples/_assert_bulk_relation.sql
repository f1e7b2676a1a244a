-- authz._assert_bulk_relation: refuses edges of the graph where many grants are written at once.
--
-- Raises   BIZ_BULK_GROUP_MEMBERSHIP (0A000) · BIZ_BULK_PARENT_RELATION (0A000)
create function authz._assert_bulk_relation(p_relation text, p_subject_type text)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_relation = 'member' and p_subject_type <> 'user' then
    raise exception 'groups become members of a group one at a time, not in bulk'
      using errcode = '0A000', hint = 'postkit:authz:BIZ_BULK_GROUP_MEMBERSHIP';
  end if;
  if p_relation = 'parent' then
    raise exception 'resources are put into a parent one at a time, not in bulk'
      using errcode = '0A000', hint = 'postkit:authz:BIZ_BULK_PARENT_RELATION';
  end if;
end
$$;
