-- authz._subjects_from: the subjects that sources admit, each source's own first ones in order, between two places.
--
-- Groups with a live member are left out, for their members come instead.
--
-- Takes    p_sources                 from authz._subject_sources
--          p_relations               relations that are enough, from authz._implied_by
--          p_group_types             those of the graph: no others have members
--          p_after_type, p_after_id  place before the first; strictly greater ones come
--          p_upto_type, p_upto_id    place of the last
--          p_limit_each              subjects of one source at most; null for all
-- Returns  one row a source and subject: its id in NFC, and as it was sent
create function authz._subjects_from(
  p_sources authz.subject_source[],
  p_relations text[],
  p_group_types text[],
  p_after_type text,
  p_after_id text,
  p_upto_type text,
  p_upto_id text,
  p_limit_each int,
  p_namespace text
)
returns table (source authz.subject_source, subject_type text, subject_id text, sent_id text)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select s.source, f.subject_type::text, f.subject_id::text, f.sent_id::text
  from (select u as source, u.* from unnest(p_sources) u) s
  cross join lateral (
    select distinct on (t.subject_type, t.subject_id)
      t.subject_type, t.subject_id, coalesce(t.subject_id_raw, t.subject_id) as sent_id
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = s.type
      and t.resource_id = s.id
      and (t.subject_type, t.subject_id) > (p_after_type, p_after_id)
      and (t.subject_type, t.subject_id) <= (p_upto_type, p_upto_id)
      and t.subject_relation is null
      and t.relation <> 'parent'
      and case when s.is_granted then t.relation = any (p_relations) else t.relation = coalesce(s.relation, t.relation) end
      and (t.expires_at is null or t.expires_at > now())
      and (
        t.subject_type <> all (p_group_types)
        or not exists (
          select
          from authz.tuples m
          where m.namespace = p_namespace
            and m.resource_type = t.subject_type
            and m.resource_id = t.subject_id
            and m.relation = 'member'
            and (m.expires_at is null or m.expires_at > now())
          offset 0
        )
      )
    order by t.subject_type, t.subject_id, t.relation
    limit p_limit_each
  ) f;
end
$$;
