-- authz.write_tuples_bulk: grants a relation on a resource to many subjects of one type, all or none.
--
-- Granting again keeps the stored expiry of a live grant, and revives an ended one for good.
--
-- Takes    p_resource_type, p_resource_id  what the grants are on
--          p_relation                      the permission, or 'member' for users; not 'parent'
--          p_subject_type                  type of all subjects
--          p_subject_ids                   at most 1000; duplicates are one, null is none
--          p_namespace                     tenant; the transaction's by default
-- Returns  how many grants are new or revived
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023) · VAL_KEY_TOO_LONG (22001)
--          · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501) · BIZ_BULK_GROUP_MEMBERSHIP (0A000)
--          · BIZ_BULK_PARENT_RELATION (0A000)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for a new type,
--          grants that are there already
-- Example  select authz.write_tuples_bulk('doc', '1', 'read', 'user', array['alice', 'bob']);
create function authz.write_tuples_bulk(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_ids text[],
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_count int := coalesce(cardinality(p_subject_ids), 0);
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_elements(p_subject_ids, 'subject_ids', 'id');
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_bulk_relation(p_relation, p_subject_type);
  return authz._write_tuples(
    p_resource_type, array_fill(p_resource_id, array[v_count]), p_relation,
    array_fill(p_subject_type, array[v_count]), p_subject_ids, array_fill(null::text, array[v_count]), p_namespace
  );
end
$$;
