-- authz._validate_expiration: refuses an end of a grant that is over already.
--
-- Raises   VAL_EXPIRATION_FUTURE (23514)
create function authz._validate_expiration(p_expires_at timestamptz)
returns void
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_expires_at <= now() then
    raise exception 'expires_at must be in the future'
      using errcode = '23514', hint = 'postkit:authz:VAL_EXPIRATION_FUTURE';
  end if;
end
$$;
