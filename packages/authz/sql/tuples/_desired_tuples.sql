-- authz._desired_tuples: the rows that a list of grants on a resource asks for; their id is the place in the list.
--
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023)
--          · VAL_EXPIRATION_FUTURE (23514)
create function authz._desired_tuples(
  p_resource_type text,
  p_resource_id text,
  p_desired jsonb,
  p_namespace text
)
returns setof authz.tuples
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_element jsonb;
  v_field text;
  v_key text;
  v_tuple authz.tuples;
begin
  if p_desired is null or jsonb_typeof(p_desired) <> 'array' then
    raise exception 'desired must be an array'
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_INVALID';
  end if;
  if jsonb_array_length(p_desired) > 1000 then
    raise exception 'desired has % elements, the most is 1000', jsonb_array_length(p_desired)
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_TOO_LARGE';
  end if;
  v_tuple.namespace := p_namespace;
  v_tuple.resource_type := p_resource_type;
  v_tuple.resource_id := normalize(p_resource_id, nfc);
  v_tuple.resource_id_raw := nullif(p_resource_id, v_tuple.resource_id);
  for v_element, v_tuple.id in
    select e.value, e.position
    from jsonb_array_elements(p_desired) with ordinality e (value, position)
    order by e.position
  loop
    v_field := format('desired[%s]', v_tuple.id);
    if jsonb_typeof(v_element) <> 'object' then
      raise exception '% is not an object', v_field
        using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
    end if;
    -- A misspelt expires_at must not make a grant that never ends.
    if v_element - array['relation', 'subject_type', 'subject_id', 'subject_relation', 'expires_at'] <> '{}' then
      raise exception '% has a key that no grant has', v_field
        using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
    end if;
    select min(e.key)
    into v_key
    from jsonb_each(v_element) e (key, value)
    where jsonb_typeof(e.value) not in ('string', 'null');
    if v_key is not null then
      raise exception '%.% is not a text', v_field, v_key
        using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
    end if;
    v_tuple.relation := v_element ->> 'relation';
    v_tuple.subject_type := v_element ->> 'subject_type';
    v_tuple.subject_id_raw := v_element ->> 'subject_id';
    v_tuple.subject_relation := nullif(v_element ->> 'subject_relation', '');
    begin
      perform authz._validate_identifier(v_tuple.relation, v_field || '.relation');
      perform authz._validate_identifier(v_tuple.subject_type, v_field || '.subject_type');
      perform authz._validate_id(v_tuple.subject_id_raw, v_field || '.subject_id');
      if v_tuple.subject_relation is not null then
        perform authz._validate_identifier(v_tuple.subject_relation, v_field || '.subject_relation');
      end if;
    exception
      when data_exception then
        raise exception '%', sqlerrm
          using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
    end;
    begin
      v_tuple.expires_at := nullif((v_element ->> 'expires_at')::timestamptz, 'infinity');
    exception
      when data_exception then
        raise exception '%.expires_at is not a time', v_field
          using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
    end;
    if v_tuple.expires_at <= now() then
      raise exception '%.expires_at must be in the future', v_field
        using errcode = '23514', hint = 'postkit:authz:VAL_EXPIRATION_FUTURE';
    end if;
    v_tuple.subject_id := normalize(v_tuple.subject_id_raw, nfc);
    v_tuple.subject_id_raw := nullif(v_tuple.subject_id_raw, v_tuple.subject_id);
    return next v_tuple;
  end loop;
end
$$;
