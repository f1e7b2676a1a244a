-- authz._spelled: ids as they were sent, for ids in NFC.
--
-- Hardly any id is sent in another form; the index of those that were tells at once that there are none.
--
-- Returns  the ids in the same order; of one that was sent in several forms, one of them
create function authz._spelled(p_resource_type text, p_resource_ids text[], p_namespace text)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform
  from authz.tuples t
  where t.namespace = p_namespace
    and t.resource_type = p_resource_type
    and t.resource_id_raw is not null;
  if not found then
    return p_resource_ids;
  end if;
  return array(
    select coalesce((
      select min(t.resource_id_raw)
      from authz.tuples t
      where t.namespace = p_namespace
        and t.resource_type = p_resource_type
        and t.resource_id = r.id
        and t.resource_id_raw is not null
    ), r.id)
    from unnest(p_resource_ids) with ordinality r (id, position)
    order by r.position
  );
end
$$;
