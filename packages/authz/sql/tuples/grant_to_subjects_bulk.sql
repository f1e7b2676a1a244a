-- authz.grant_to_subjects_bulk: grants a relation on a resource to many subjects of any types, all or none.
--
-- As authz.write_tuples_bulk, where subjects differ in type or stand for the holders of a relation.
--
-- Takes    p_resource_type, p_resource_id  what the grants are on
--          p_relation                      the permission, or 'member' for users; not 'parent'
--          p_subject_types, p_subject_ids  who gets it, one element of each a subject; at most 1000
--          p_subject_relations             only those who hold this relation on it; an element that is null or '' for
--                                          itself, no array for all themselves
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
--          · VAL_BATCH_INVALID (22023)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for a new type,
--          grants that are there already
-- Example  select authz.grant_to_subjects_bulk('doc', '1', 'read', array['user', 'team'], array['alice', 'eng'], array[null, 'member']);
create function authz.grant_to_subjects_bulk(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_types text[],
  p_subject_ids text[],
  p_subject_relations text[] default null,
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
  perform authz._validate_elements(p_subject_types, 'subject_types', 'identifier');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_elements(p_subject_ids, 'subject_ids', 'id');
  perform authz._validate_namespace(p_namespace);
  perform authz._validate_elements(p_subject_relations, 'subject_relations', 'relation');
  if coalesce(cardinality(p_subject_types), 0) <> v_count
    or (p_subject_relations is not null and cardinality(p_subject_relations) <> v_count)
  then
    raise exception 'subject_types, subject_ids and subject_relations are not of one length'
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_INVALID';
  end if;
  return authz._write_tuples(
    p_resource_type, array_fill(p_resource_id, array[v_count]), p_relation, p_subject_types, p_subject_ids,
    coalesce(p_subject_relations, array_fill(null::text, array[v_count])), p_namespace
  );
end
$$;
