-- authz._holds_any: whether a subject has one of some relations on a resource or on a container around it, itself or
-- through a group.
--
-- A group edge with a subject_relation admits only those who hold that relation on the group, at every level. Parent
-- edges hold containers together and give nothing themselves.
--
-- Takes    p_relations  relations that are enough, from authz._implied_by
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
as $$
begin
  return exists (
    with recursive
      memberships (type, id, relation, depth) as (
        select t.resource_type, t.resource_id, t.relation, 1
        from authz.tuples t
        where t.namespace = p_namespace
          and t.subject_type = p_subject_type
          and t.subject_id = p_subject_id
          and t.subject_relation is null
          and t.relation <> 'parent'
          and (t.expires_at is null or t.expires_at > now())
        union
        select t.resource_type, t.resource_id, t.relation, m.depth + 1
        from memberships m
        join authz.tuples t
          on t.namespace = p_namespace
          and t.subject_type = m.type
          and t.subject_id = m.id
          and t.relation = 'member'
          and (t.subject_relation is null or t.subject_relation = m.relation)
          and (t.expires_at is null or t.expires_at > now())
        where m.depth < authz._max_depth()
      ),
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
      )
    select
    from containers c
    join authz.tuples t
      on t.namespace = p_namespace
      and t.resource_type = c.type
      and t.resource_id = c.id
      and t.relation = any (p_relations)
      and (t.expires_at is null or t.expires_at > now())
    where (t.subject_type = p_subject_type and t.subject_id = p_subject_id and t.subject_relation is null)
      or exists (
        select
        from memberships m
        where m.type = t.subject_type
          and m.id = t.subject_id
          and (t.subject_relation is null or t.subject_relation = m.relation)
      )
  );
end
$$;
