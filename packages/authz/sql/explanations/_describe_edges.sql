-- authz._describe_edges: tuples by their ids, in that order, as an array of objects.
create function authz._describe_edges(p_tuple_ids bigint[], p_namespace text)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return (
    select
      coalesce(
        jsonb_agg(
          jsonb_build_object(
            'resource', jsonb_build_object('type', t.resource_type, 'id', coalesce(t.resource_id_raw, t.resource_id)),
            'relation', t.relation,
            'subject', jsonb_build_object(
              'type', t.subject_type, 'id', coalesce(t.subject_id_raw, t.subject_id), 'relation', t.subject_relation
            ),
            'expires_at', nullif(t.expires_at, 'infinity')
          )
          order by t.ordinality
        ),
        '[]'
      )
    from authz._tuples_of(p_tuple_ids, p_namespace) with ordinality t
  );
end
$$;
