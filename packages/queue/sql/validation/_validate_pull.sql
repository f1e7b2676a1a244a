-- queue._validate_pull: refuses a time-out that is not positive, and tells why a pull outside the tenant finds nothing.
--
-- Raises   VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
create function queue._validate_pull(p_namespace text, p_visibility_timeout interval)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  -- Tested here, since a call costs more than what it does.
  if p_visibility_timeout not between interval '1 microsecond' and interval '1000 years' then
    perform queue._validate_visibility_timeout(p_visibility_timeout);
  end if;
  if current_setting('postkit.tenant_id', true) is distinct from p_namespace then
    perform queue._warn_namespace_mismatch(p_namespace);
  end if;
end
$$;
