-- authz.sync_grants: makes the grants on a resource equal to a list, and tells what that changed.
--
-- Grants that are not in the list are taken back, ended ones included; missing and ended ones are granted; the ends of
-- the others become those of the list, none where it names none. The parents of the resource are left alone and have
-- no place in the list; its members have, groups among them. A second call with the same list changes and writes
-- nothing. Two calls for one resource take turns, so that one of their lists holds in the end; under repeatable read
-- they may both hold, as that level allows.
--
-- Takes    p_resource_type, p_resource_id  the resource
--          p_desired                       at most 1000 of {"relation", "subject_type", "subject_id"} and, where
--                                          wanted, "subject_relation" and "expires_at"; duplicates are one
--          p_namespace                     tenant; the transaction's by default
-- Returns  a row for each 'granted', 'revoked' or 'updated' grant, with its end as it is now, or was
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023)
--          · VAL_EXPIRATION_FUTURE (23514) · VAL_KEY_TOO_LONG (22001) · BIZ_TENANT_NOT_SET (42501)
--          · BIZ_TENANT_MISMATCH (42501) · BIZ_BULK_PARENT_RELATION (0A000) · BIZ_SELF_MEMBERSHIP (PK001)
--          · BIZ_CYCLE_GROUP (PK001)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for groups as members and for new types, the resource
--          for other calls of this function, grants that change
-- Example  select * from authz.sync_grants('doc', '1', '[{"relation": "read", "subject_type": "user", "subject_id": "alice"}]');
create function authz.sync_grants(
  p_resource_type text,
  p_resource_id text,
  p_desired jsonb,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (
  change text,
  relation text,
  subject_type text,
  subject_id text,
  subject_relation text,
  expires_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
#variable_conflict use_column
declare
  v_resource_id text;
  v_desired authz.tuples[];
  v_edges text[];
  v_step record;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_namespace(p_namespace);
  v_resource_id := normalize(p_resource_id, nfc);
  v_desired := array(
    select d from authz._desired_tuples(p_resource_type, p_resource_id, p_desired, p_namespace) d
  );
  if exists (
    select
    from unnest(v_desired) d
    group by d.relation, d.subject_type, d.subject_id, d.subject_relation
    having count(distinct coalesce(d.expires_at, 'infinity')) > 1
  ) then
    raise exception 'desired has one grant twice, with different ends'
      using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
  end if;
  perform authz._validate_key_size(
    p_namespace, p_resource_type, v_resource_id, d.relation, d.subject_type, d.subject_id, d.subject_relation
  )
  from unnest(v_desired) d;
  perform authz._assert_tenant(p_namespace);
  -- Groups may become members here, so that all but 'parent' is as if it were for a user.
  perform authz._assert_bulk_relation(d.relation, 'user') from unnest(v_desired) d;
  perform authz._assert_not_self(p_resource_type, v_resource_id, d.relation, d.subject_type, d.subject_id)
  from unnest(v_desired) d;
  select array_agg(distinct concat_ws(' ', p_resource_type, m.relation, m.subject_type))
  into v_edges
  from (
    select d.relation, d.subject_type
    from unnest(v_desired) d
    where d.relation = 'member'
    union
    select t.relation, t.subject_type
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = p_resource_type
      and t.resource_id = v_resource_id
      and t.relation = 'member'
  ) m;
  perform authz._lock_new_types(
    p_resource_type, array_agg(d.subject_type), array_agg(d.subject_relation), p_namespace
  )
  from unnest(v_desired) d;
  perform authz._lock_edges(v_edges, p_namespace);
  perform pg_advisory_xact_lock(
    hashtextextended(concat_ws(chr(31), 'authz.sync_grants', p_namespace, p_resource_type, v_resource_id), 0)
  );

  -- In the order of the keys, as every call does that changes many.
  for v_step in
    select
      d.id is not null as is_desired,
      t.id as tuple_id,
      coalesce(d.relation, t.relation) as relation,
      coalesce(d.subject_type, t.subject_type) as subject_type,
      coalesce(d.subject_id, t.subject_id) as subject_id,
      coalesce(d.subject_relation, t.subject_relation) as subject_relation,
      d.resource_id_raw,
      d.subject_id_raw,
      case when t.id is null then coalesce(d.subject_id_raw, d.subject_id)
        else coalesce(t.subject_id_raw, t.subject_id) end as subject_id_sent,
      case when d.id is null then t.expires_at else d.expires_at end as expires_at,
      t.expires_at <= now() as is_ended
    from (
      select distinct on (g.relation, g.subject_type, g.subject_id, g.subject_relation) g.*
      from unnest(v_desired) g
      order by g.relation, g.subject_type, g.subject_id, g.subject_relation, g.id
    ) d
    full join (
      select s.*
      from authz.tuples s
      where s.namespace = p_namespace
        and s.resource_type = p_resource_type
        and s.resource_id = v_resource_id
        and s.relation <> 'parent'
    ) t
      on t.relation = d.relation
      and t.subject_type = d.subject_type
      and t.subject_id = d.subject_id
      and coalesce(t.subject_relation, '') = coalesce(d.subject_relation, '')
    where t.id is null
      or d.id is null
      or t.expires_at is distinct from d.expires_at
    order by 4, 5, 3, coalesce(d.subject_relation, t.subject_relation, '')
  loop
    if not v_step.is_desired then
      change := 'revoked';
      delete from authz.tuples t
      where t.namespace = p_namespace
        and t.id = v_step.tuple_id;
    else
      if v_step.tuple_id is null then
        perform authz._assert_no_cycle(
          p_resource_type, v_resource_id, v_step.relation, v_step.subject_type, v_step.subject_id, p_namespace
        );
      end if;
      change := case when v_step.tuple_id is null or v_step.is_ended then 'granted' else 'updated' end;
      insert into authz.tuples as t (
        namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation,
        resource_id_raw, subject_id_raw, expires_at
      )
      values (
        p_namespace, p_resource_type, v_resource_id, v_step.relation, v_step.subject_type, v_step.subject_id,
        v_step.subject_relation, v_step.resource_id_raw, v_step.subject_id_raw, v_step.expires_at
      )
      on conflict (
        namespace, resource_type, resource_id, relation, subject_type, subject_id, coalesce(subject_relation, '')
      ) do update set expires_at = excluded.expires_at
      where t.expires_at is distinct from excluded.expires_at;
    end if;
    -- Somebody else may have done just that at this moment.
    if found then
      relation := v_step.relation;
      subject_type := v_step.subject_type;
      subject_id := v_step.subject_id_sent;
      subject_relation := v_step.subject_relation;
      expires_at := v_step.expires_at;
      return next;
    end if;
  end loop;
end
$$;
