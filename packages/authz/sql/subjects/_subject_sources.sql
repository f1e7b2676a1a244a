-- authz._subject_sources: everything whose tuples admit subjects to a resource: itself, the containers around it, and
-- the groups that its grants lead to, each once.
--
-- The reverse of authz._holds_any: a grant to the holders of a relation leads to these alone, one to a plain group to
-- the holders of any; from there only member edges lead further. Level by level, as deep as a check goes.
--
-- Takes    p_relations    relations that are enough, from authz._implied_by
--          p_group_types  those of the graph: no others are groups
create function authz._subject_sources(
  p_relations text[],
  p_group_types text[],
  p_resource_type text,
  p_resource_id text,
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
  v_around authz.nodes;
  v_sources authz.subject_source[];
  v_level authz.subject_source[];
  v_relations text[] := p_relations;
begin
  v_around := authz._containers(p_resource_type, p_resource_id, p_namespace);
  v_sources := array(
    select distinct row(c.type, c.id, null, true)::authz.subject_source
    from unnest(v_around.types, v_around.ids) c (type, id)
  );
  v_level := v_sources;
  for v_depth in 1..authz._max_depth() loop
    v_level := array(
      select g from unnest(authz._groups_on(v_level, v_relations, p_group_types, p_namespace)) g
      except
      select s from unnest(v_sources) s
    );
    v_sources := v_sources || v_level;
    v_level := array(select l from unnest(v_level) l where l.relation is null or l.relation = 'member');
    exit when cardinality(v_level) = 0;
    v_relations := '{member}';
  end loop;
  return v_sources;
end
$$;
