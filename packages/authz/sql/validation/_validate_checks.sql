-- authz._validate_checks: refuses what is not a list of questions, each a subject, a permission and a resource.
--
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023)
create function authz._validate_checks(p_checks jsonb)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_position int;
  v_field text;
begin
  if jsonb_typeof(p_checks) is distinct from 'array' then
    raise exception 'checks must be an array'
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_INVALID';
  end if;
  if jsonb_array_length(p_checks) > 1000 then
    raise exception 'checks has % elements, the most is 1000', jsonb_array_length(p_checks)
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_TOO_LARGE';
  end if;
  select c.position, f.field
  into v_position, v_field
  from jsonb_array_elements(p_checks) with ordinality c (value, position)
  cross join unnest(array['subject_type', 'subject_id', 'permission', 'resource_type', 'resource_id']) f (field)
  where jsonb_typeof(c.value -> f.field) is distinct from 'string'
  order by c.position
  limit 1;
  if found then
    raise exception 'checks[%] has no %, which must be a string', v_position, v_field
      using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
  end if;
end
$$;
