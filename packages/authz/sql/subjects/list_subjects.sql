-- authz.list_subjects: a page of those who have a permission on a resource.
--
-- Agrees with authz.check: of the subjects (type, id) that check admits, exactly those are listed that have no live
-- member edge. A group with members is left out, and those of them come who are admitted; one without is listed itself.
-- So is a subject with other holders than members, as a user with a manager, next to these. A userset
-- (team:eng#member) is never listed.
--
-- Cost: users with direct grants and members of a group are read from the cursor on and no further than the page goes,
-- be they ever so many. Groups that lead to the resource are looked up anew for each page, a few probes each; where
-- many of them hold the same people, up to a page of each is read. On a resource with very many grants of other
-- permissions a page reads past these.
--
-- Takes    p_resource_type, p_resource_id  on what
--          p_permission                    for what
--          p_namespace                     tenant; the transaction's by default
--          p_limit                         subjects on the page, 1 to 1000
--          p_subject_type                  only subjects of this type
--          p_cursor_type, p_cursor_id      last subject of the page before
-- Returns  subjects in byte order of type and NFC form of the id; ids as they were sent
-- Raises   VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023) · VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.list_subjects('repo', 'api', 'read', p_limit => 20);
create function authz.list_subjects(
  p_resource_type text,
  p_resource_id text,
  p_permission text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_limit int default 100,
  p_subject_type text default null,
  p_cursor_type text default null,
  p_cursor_id text default null
)
returns table (subject_type text, subject_id text)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_relations text[];
  v_group_types text[];
  v_sources authz.subject_source[];
  v_after_type text := coalesce(p_cursor_type, '');
  v_after_id text := coalesce(normalize(p_cursor_id, nfc), '');
  -- The first place behind a type; behind all types when none is asked for.
  v_upto_type text := coalesce(p_subject_type || chr(1), chr(1114111));
  v_upto_id text := '';
begin
  perform authz._validate_limit(p_limit);
  perform authz._assert_readable(p_namespace);
  if v_after_type collate "C" < p_subject_type then
    v_after_type := p_subject_type;
    v_after_id := '';
  end if;
  v_relations := authz._implied_by(p_resource_type, array[p_permission], p_namespace);
  v_group_types := coalesce(
    (select g.group_types from authz.graph_state g where g.namespace = p_namespace), '{}'
  );
  v_sources := authz._subject_sources(
    v_relations, v_group_types, p_resource_type, normalize(p_resource_id, nfc), p_namespace
  );

  -- The page ends where the first subjects of its groups would fill it; groups that begin behind that place are left out.
  if cardinality(v_sources) > p_limit then
    with
      firsts as materialized (
        select f.source, f.subject_type collate "C" as type, f.subject_id collate "C" as id
        from authz._subjects_from(
          array(select s from unnest(v_sources) s where not s.is_granted), v_relations, v_group_types,
          v_after_type, v_after_id, v_upto_type, v_upto_id, 1, p_namespace
        ) f
      ),
      last as materialized (
        select distinct f.type, f.id
        from firsts f
        order by f.type, f.id
        offset p_limit - 1
        limit 1
      )
    select
      array(select s from unnest(v_sources) s where s.is_granted)
        || array(
          select f.source
          from firsts f
          where coalesce((f.type, f.id) <= (select l.type, l.id from last l), true)
        ),
      coalesce((select l.type from last l), v_upto_type),
      coalesce((select l.id from last l), v_upto_id)
    into v_sources, v_upto_type, v_upto_id;
  end if;

  return query
  select distinct on (f.subject_type collate "C", f.subject_id collate "C") f.subject_type, f.sent_id
  from authz._subjects_from(
    v_sources, v_relations, v_group_types, v_after_type, v_after_id, v_upto_type, v_upto_id, p_limit, p_namespace
  ) f
  order by f.subject_type collate "C", f.subject_id collate "C", f.sent_id collate "C"
  limit p_limit;
end
$$;
