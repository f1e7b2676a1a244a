-- authz._validate_batch_size: refuses an array of arrays, or of more than 1000 elements.
--
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023)
create function authz._validate_batch_size(p_values text[], p_field text)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if array_ndims(p_values) > 1 then
    raise exception '% must be a plain array, not one of arrays', p_field
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_INVALID';
  end if;
  if cardinality(p_values) > 1000 then
    raise exception '% has % elements, the most is 1000', p_field, cardinality(p_values)
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_TOO_LARGE';
  end if;
end
$$;
