-- authz._delete_tuples: deletes rows that the caller has found, and whose edges it has locked.
--
-- Locks them first, in the order of their keys, as every call does that changes many: two that meet wait for each
-- other and do not deadlock. What is gone by then, or was given a new end when only ended ones are to go, is left out.
--
-- Returns  how many were deleted
-- Locks    the rows
create function authz._delete_tuples(p_ids bigint[], p_namespace text, p_is_ended_only boolean)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_ids bigint[];
  v_count int;
begin
  v_ids := array(
    select t.id
    from authz.tuples t
    where t.namespace = p_namespace
      and t.id = any(p_ids)
      and (not p_is_ended_only or t.expires_at <= now())
    order by t.resource_type, t.resource_id, t.subject_type, t.subject_id, t.relation, coalesce(t.subject_relation, '')
    for update
  );
  delete from authz.tuples t
  where t.namespace = p_namespace
    and t.id = any(v_ids);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
