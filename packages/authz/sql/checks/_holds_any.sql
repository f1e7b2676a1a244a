-- authz._holds_any: whether a subject has one of some relations on a resource or on a container around it, itself or
-- through a group.
--
-- A subject stands for the groups it holds anything on, and through member edges for those around them. An edge with
-- a subject_relation admits only those who hold that relation on the group, at every level. Parent edges hold
-- containers together and give nothing themselves. Only types that are subjects of something are groups, so that what
-- a subject holds on a thousand documents is not read. A user is hardly ever a group; where one is, his grants are
-- among those of all users.
--
-- One statement, since to start one costs as much as several probes. "offset 0" keeps the planner to these probes: to
-- read all grants of a subject or a resource and to filter them afterwards would be cheaper for most and ruinous for
-- some.
--
-- Takes    p_relations  relations that are enough, from authz._implied_by
--          ids          in NFC
create function authz._holds_any(
  p_subject_type text,
  p_subject_id text,
  p_relations text[],
  p_resource_type text,
  p_resource_id text,
  p_namespace text
)
returns boolean
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_group_types text[];
  v_users_are_groups boolean;
begin
  select g.group_types into v_group_types from authz.graph_state g where g.namespace = p_namespace;
  v_users_are_groups := 'user' = any (v_group_types);
  return exists (
    with recursive
      containers (type, id, depth) as (
        select p_resource_type collate "C", p_resource_id collate "C", 0
        union
        select t.subject_type, t.subject_id, c.depth + 1
        from containers c
        join authz.tuples t
          on t.namespace = p_namespace
          and t.resource_type = c.type
          and t.resource_id = c.id
          and t.relation = 'parent'
          and t.subject_relation is null
          and (t.expires_at is null or t.expires_at > now())
        where c.depth < authz._max_depth()
      ),
      own (type, id, relation) as materialized (
        select t.resource_type, t.resource_id, t.relation
        from (select distinct c.type from containers c) k
        cross join lateral (
          select t.resource_type, t.resource_id, t.relation
          from authz.tuples t
          where t.namespace = p_namespace
            and t.subject_type = p_subject_type
            and t.subject_id = p_subject_id
            and t.resource_type = k.type
            and t.subject_relation is null
            and (t.expires_at is null or t.expires_at > now())
          limit 101
        ) t
        limit 101
      ),
      memberships (type, id, relation, depth) as (
        select h.resource_type, h.resource_id, h.relation, 1
        from unnest(v_group_types) g (type)
        cross join lateral (
          select t.resource_type, t.resource_id, t.relation
          from authz.tuples t
          where t.namespace = p_namespace
            and t.subject_type = p_subject_type
            and t.subject_id = p_subject_id
            and t.resource_type = g.type
            and t.subject_relation is null
            and t.relation <> 'parent'
            and (t.expires_at is null or t.expires_at > now())
          offset 0
        ) h
        union
        select h.resource_type, h.resource_id, 'member', m.depth + 1
        from memberships m
        cross join lateral (
          select t.resource_type, t.resource_id
          from authz.tuples t
          where t.namespace = p_namespace
            and t.subject_type = m.type
            and t.subject_id = m.id
            and t.relation = 'member'
            and (t.subject_type <> 'user' or t.subject_relation is not null)
            and (t.subject_relation is null or t.subject_relation = m.relation)
            and (t.expires_at is null or t.expires_at > now())
          union all
          select t.resource_type, t.resource_id
          from authz.tuples t
          where v_users_are_groups
            and m.type = 'user'
            and t.namespace = p_namespace
            and t.subject_type = 'user'
            and t.subject_id = m.id
            and t.subject_relation is null
            and t.relation = 'member'
            and (t.expires_at is null or t.expires_at > now())
          offset 0
        ) h
        where m.depth < authz._max_depth()
      )
    select
    from containers c
    where case
      -- Most subjects have few grants of their own on such resources: to read these is less than to probe each container.
      when (select count(*) from own) <= 100 then ((c.type, c.id) in (
        select o.type, o.id from own o where o.relation = any (p_relations)
      )) is true
      else exists (
        select
        from authz.tuples t
        where t.namespace = p_namespace
          and t.resource_type = c.type
          and t.resource_id = c.id
          and t.subject_type = p_subject_type
          and t.subject_id = p_subject_id
          and t.relation = any (p_relations)
          and t.subject_relation is null
          and (t.expires_at is null or t.expires_at > now())
        offset 0
      )
    end
    or exists (
      select
      from authz.tuples t
      where t.namespace = p_namespace
        and t.resource_type = c.type
        and t.resource_id = c.id
        and t.relation = any (p_relations)
        and t.relation <> 'parent'
        and (t.subject_type <> 'user' or t.subject_relation is not null)
        and (t.expires_at is null or t.expires_at > now())
        and ((t.subject_type, t.subject_id, coalesce(t.subject_relation, '')) in (
          select m.type, m.id, m.relation from memberships m
          union all
          select m.type, m.id, '' from memberships m
        )) is true
      offset 0
    )
    or v_users_are_groups and exists (
      select
      from memberships m
      join authz.tuples t
        on t.namespace = p_namespace
        and t.resource_type = c.type
        and t.resource_id = c.id
        and t.subject_type = 'user'
        and t.subject_id = m.id
        and t.relation = any (p_relations)
        and t.relation <> 'parent'
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      where m.type = 'user'
      offset 0
    )
  );
end
$$;
