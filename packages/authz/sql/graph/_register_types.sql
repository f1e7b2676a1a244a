-- authz._register_types: row trigger that keeps what is known of types complete, whoever writes a tuple.
--
-- Types are never forgotten: one too many costs a probe, one too few would lose access.
create function authz._register_types()
returns trigger
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_group_type text := case when new.resource_type = 'user' then 'user' else new.subject_type end;
begin
  if new.relation = 'parent' then
    perform
    from authz.type_edges e
    where e.namespace = new.namespace
      and e.child_type = new.resource_type
      and e.parent_type = new.subject_type
    for share;
    if not found then
      perform authz._register_type_edge(new.resource_type, new.subject_type, new.namespace);
    end if;
    return new;
  end if;

  if not exists (
    select
    from authz.graph_state g
    where g.namespace = new.namespace
      and g.group_types @> array[new.subject_type, v_group_type]
  ) then
    perform authz._lock_graph(new.namespace);
    update authz.graph_state g
    set group_types = array(select distinct unnest(g.group_types || array[new.subject_type, v_group_type]))
    where g.namespace = new.namespace
      and not g.group_types @> array[new.subject_type, v_group_type];
  end if;
  return new;
end
$$;
