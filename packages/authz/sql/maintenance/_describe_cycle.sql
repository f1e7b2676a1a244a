-- authz._describe_cycle: the way around a cycle as text; the middle of a long one is left out.
create function authz._describe_cycle(p_names text[], p_nodes int[])
returns text
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_length int := cardinality(p_nodes);
  v_text text := p_names[p_nodes[1]];
begin
  for v_index in 2..v_length loop
    if v_index <= 8 or v_index = v_length then
      v_text := v_text || ' in ' || p_names[p_nodes[v_index]];
    elsif v_index = 9 then
      v_text := v_text || format(' in … (%s more)', v_length - 9);
    end if;
  end loop;
  return v_text || ' in ' || p_names[p_nodes[1]];
end
$$;
