-- authz._validate_limit: refuses a page size that is not from 1 to 1000.
--
-- Raises   VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
create function authz._validate_limit(p_limit int)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_limit is null or p_limit <= 0 then
    raise exception 'limit must be at least 1'
      using errcode = '22023', hint = 'postkit:authz:VAL_NOT_POSITIVE';
  end if;
  if p_limit > 1000 then
    raise exception 'limit is %, the most is 1000', p_limit
      using errcode = '22023', hint = 'postkit:authz:VAL_LIMIT_TOO_LARGE';
  end if;
end
$$;
