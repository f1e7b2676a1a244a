-- authz.filter_authorized: those of some resources on which a subject has a permission.
--
-- Takes    p_resource_ids  at most 1000
--          the rest        as authz.check
-- Returns  the ids as they were given, in byte order of their NFC form, none twice
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_NAMESPACE_NULL (22004)
-- Example  select authz.filter_authorized('user', 'alice', 'doc', 'read', '{1,2,3}');
create function authz.filter_authorized(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_permission text,
  p_resource_ids text[],
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_admitted text[];
begin
  perform authz._validate_batch_size(p_resource_ids, 'resource_ids');
  perform authz._assert_readable(p_namespace);
  v_admitted := authz._admitted(
    authz._scope(p_subject_type, p_subject_id, array[p_permission], p_resource_type, p_namespace),
    array(select distinct normalize(r.id, nfc) from unnest(p_resource_ids) r (id) where r.id is not null)
  );
  return array(
    select min(r.id collate "C")
    from unnest(p_resource_ids) r (id)
    where (normalize(r.id, nfc) in (select a.id from unnest(v_admitted) a (id))) is true
    group by normalize(r.id, nfc)
    order by normalize(r.id, nfc) collate "C"
  );
end
$$;
