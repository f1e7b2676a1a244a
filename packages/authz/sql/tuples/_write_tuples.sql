-- authz._write_tuples: writes one relation for many pairs of a resource and a subject, which the caller has validated.
--
-- One statement in the order of the keys, so that two that meet wait for each other and do not deadlock. Keeps the
-- expiry of live grants and revives ended ones for good.
--
-- Takes    p_resource_ids, p_subject_types, p_subject_ids, p_subject_relations  one element a pair
-- Returns  how many were written or revived
-- Raises   VAL_KEY_TOO_LONG (22001) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
--          · BIZ_BULK_GROUP_MEMBERSHIP (0A000) · BIZ_BULK_PARENT_RELATION (0A000)
create function authz._write_tuples(
  p_resource_type text,
  p_resource_ids text[],
  p_relation text,
  p_subject_types text[],
  p_subject_ids text[],
  p_subject_relations text[],
  p_namespace text
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_count int;
begin
  perform authz._validate_key_size(
    p_namespace, p_resource_type, normalize(g.resource_id, nfc), p_relation, g.subject_type,
    normalize(g.subject_id, nfc), g.subject_relation
  )
  from unnest(p_resource_ids, p_subject_types, p_subject_ids, p_subject_relations)
    g (resource_id, subject_type, subject_id, subject_relation);
  perform authz._assert_tenant(p_namespace);
  perform authz._assert_bulk_relation(p_relation, k.subject_type)
  from (select 'user' union select s.subject_type from unnest(p_subject_types) s (subject_type)) k (subject_type);
  perform authz._lock_new_types(p_resource_type, p_subject_types, p_subject_relations, p_namespace);

  insert into authz.tuples as t (
    namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation,
    resource_id_raw, subject_id_raw
  )
  select
    p_namespace, p_resource_type, k.resource_id, p_relation, k.subject_type, k.subject_id, k.subject_relation,
    nullif(k.resource_id_raw, k.resource_id), nullif(k.subject_id_raw, k.subject_id)
  from (
    -- Of two spellings of one id the first stays.
    select distinct on (1, 2, 3, coalesce(g.subject_relation, '') collate "C")
      normalize(g.resource_id, nfc) collate "C" as resource_id,
      g.subject_type collate "C" as subject_type,
      normalize(g.subject_id, nfc) collate "C" as subject_id,
      nullif(g.subject_relation, '') collate "C" as subject_relation,
      g.resource_id as resource_id_raw,
      g.subject_id as subject_id_raw
    from unnest(p_resource_ids, p_subject_types, p_subject_ids, p_subject_relations) with ordinality
      g (resource_id, subject_type, subject_id, subject_relation, position)
    order by 1, 2, 3, coalesce(g.subject_relation, '') collate "C", g.position
  ) k
  order by k.resource_id, k.subject_type, k.subject_id, coalesce(k.subject_relation, '')
  on conflict (
    namespace, resource_type, resource_id, relation, subject_type, subject_id, coalesce(subject_relation, '')
  ) do update set expires_at = null where t.expires_at <= now();
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
