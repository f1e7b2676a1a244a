-- authz._groups_on: the groups that have one of some relations on any of some sources.
--
-- Subjects of a source come in chunks, in the order of the index. Behind a full chunk the next one begins where there
-- is a group again, so that a few groups among very many users are found without reading them all.
--
-- Takes    p_group_types  those of the graph: no others are groups
create function authz._groups_on(
  p_sources authz.subject_source[],
  p_relations text[],
  p_group_types text[],
  p_namespace text
)
returns authz.subject_source[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_groups authz.subject_source[] := '{}';
  v_found authz.subject_source[];
  v_ranges authz.subject_range[];
  v_chunk_size int := 32;
begin
  v_ranges := array(
    select row(s.type, s.id, g.type, '')::authz.subject_range
    from unnest(p_sources) s
    cross join unnest(p_group_types) g (type)
  );
  while cardinality(v_ranges) > 0 loop
    with
      chunks as materialized (
        select r.type, r.id, r.subject_type, c.subject_id, c.subject_relations
        from unnest(v_ranges) r
        cross join lateral (
          select t.subject_id, array_agg(distinct t.subject_relation) as subject_relations
          from authz.tuples t
          where t.namespace = p_namespace
            and t.resource_type = r.type
            and t.resource_id = r.id
            and t.subject_type = r.subject_type
            and t.subject_id >= r.from_id
            and t.relation = any (p_relations)
            and (t.expires_at is null or t.expires_at > now())
          group by t.subject_id
          order by t.subject_id
          limit v_chunk_size
        ) c
      ),
      found as (
        select distinct row(c.subject_type, c.subject_id, u.relation, false)::authz.subject_source as source
        from chunks c
        cross join unnest(c.subject_relations) u (relation)
        -- Offset keeps this a probe for each, whatever is guessed of how many there are. A userset is a group by its form.
        where u.relation is not null
          or exists (
            select
            from authz.tuples g
            where g.namespace = p_namespace
              and g.resource_type = c.subject_type
              and g.resource_id = c.subject_id
            offset 0
          )
      ),
      rest as (
        select row(e.type, e.id, e.subject_type, n.resource_id)::authz.subject_range as range
        from (
          select c.type, c.id, c.subject_type, max(c.subject_id) as last_id
          from chunks c
          group by c.type, c.id, c.subject_type
          having count(*) = v_chunk_size
        ) e
        cross join lateral (
          select g.resource_id
          from authz.tuples g
          where g.namespace = p_namespace
            and g.resource_type = e.subject_type
            and g.resource_id > e.last_id
          order by g.resource_id
          limit 1
        ) n
      )
    select array(select f.source from found f), array(select r.range from rest r)
    into v_found, v_ranges;
    v_groups := v_groups || v_found;
    v_chunk_size := least(v_chunk_size * 4, 1024);
  end loop;
  return v_groups;
end
$$;
