-- authz._follow_rules: what pairs lead to from some starting points, these included, in at most _max_depth() steps.
--
-- A type has few rules: following them here takes half the time of a recursive query.
--
-- Takes    p_from, p_to  the pairs, in step; null for none
create function authz._follow_rules(p_start text[], p_from text[], p_to text[])
returns text[]
language plpgsql
immutable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_reached text[] := p_start;
  v_next text[];
begin
  for v_depth in 1..case when p_from is null then 0 else authz._max_depth() end loop
    v_next := '{}';
    for v_pair in 1..cardinality(p_from) loop
      if p_from[v_pair] = any (v_reached) and p_to[v_pair] <> all (v_reached || v_next) then
        v_next := v_next || p_to[v_pair];
      end if;
    end loop;
    exit when v_next = '{}';
    v_reached := v_reached || v_next;
  end loop;
  return v_reached;
end
$$;
