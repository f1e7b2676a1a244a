-- authz._find_cycle: a cycle of groups or of resources in a namespace, as text; null when there is none.
--
-- Writes refuse cycles: one is there only when rows came by another way. Ignores expiry, as they do. Walks depth-first
-- and follows each edge once, so that time grows with the number of edges and not of paths. Nodes are numbered without
-- a join, whose plan would hang on statistics.
--
-- Takes    p_relation  'member' or 'parent'
create function authz._find_cycle(p_relation text, p_namespace text)
returns text
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_names text[];
  v_sources int[];
  v_targets int[];
  -- By node: its edges yet to follow, and whether it is unseen (0), on the path (1) or done (2).
  v_next int[];
  v_last int[];
  v_state int[];
  v_path int[];
  v_depth int;
  v_node int;
  v_target int;
begin
  with edges as (
    select t.id,
      t.resource_type || ':' || t.resource_id as resource,
      t.subject_type || ':' || t.subject_id as subject
    from authz.tuples t
    where t.namespace = p_namespace
      and t.relation = p_relation
      and (p_relation = 'parent' or t.subject_type <> 'user')
  ),
  -- An edge leads from what is inside to what it is in.
  ends as (
    select e.id, n.name, n.is_source
    from edges e
    cross join lateral (
      values (e.resource, p_relation = 'parent'), (e.subject, p_relation <> 'parent')
    ) n (name, is_source)
  ),
  marked as (
    select e.id, e.name, e.is_source,
      bool_or(e.is_source) over (partition by e.name) and bool_or(not e.is_source) over (partition by e.name)
        as is_inner
    from ends e
  ),
  -- Most resources contain nothing and most groups are in none: these are on no cycle.
  numbered as (
    select m.id, m.name, m.is_source, dense_rank() over (order by m.name)::int as node
    from marked m
    where m.is_inner
  ),
  inner_edges as (
    select max(n.node) filter (where n.is_source) as source, max(n.node) filter (where not n.is_source) as target
    from numbered n
    group by n.id
    having count(*) = 2
  )
  select (select array_agg(distinct n.name order by n.name) from numbered n),
    array_agg(e.source order by e.source), array_agg(e.target order by e.source)
  into v_names, v_sources, v_targets
  from inner_edges e;
  if v_targets is null then
    return null;
  end if;

  v_next := array_fill(0, array[cardinality(v_names)]);
  v_last := array_fill(-1, array[cardinality(v_names)]);
  v_state := array_fill(0, array[cardinality(v_names)]);
  v_path := array_fill(0, array[cardinality(v_names)]);
  for v_edge in 1..cardinality(v_sources) loop
    v_node := v_sources[v_edge];
    if v_next[v_node] = 0 then
      v_next[v_node] := v_edge;
    end if;
    v_last[v_node] := v_edge;
  end loop;

  for v_root in 1..cardinality(v_names) loop
    continue when v_state[v_root] <> 0;
    v_state[v_root] := 1;
    v_depth := 1;
    v_path[1] := v_root;
    while v_depth > 0 loop
      v_node := v_path[v_depth];
      if v_next[v_node] > v_last[v_node] then
        v_state[v_node] := 2;
        v_depth := v_depth - 1;
        continue;
      end if;
      v_target := v_targets[v_next[v_node]];
      v_next[v_node] := v_next[v_node] + 1;
      if v_state[v_target] = 0 then
        v_state[v_target] := 1;
        v_depth := v_depth + 1;
        v_path[v_depth] := v_target;
      elsif v_state[v_target] = 1 then
        return authz._describe_cycle(v_names, v_path[array_position(v_path, v_target):v_depth]);
      end if;
    end loop;
  end loop;
  return null;
end
$$;
