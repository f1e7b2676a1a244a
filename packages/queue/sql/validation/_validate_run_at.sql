-- queue._validate_run_at: refuses a time that is not of this calendar: infinity, from which nothing can be subtracted.
--
-- Raises   VAL_INTERVAL_TOO_LARGE (22023)
create function queue._validate_run_at(p_value timestamptz)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_value not between now() - interval '1000 years' and now() + interval '1000 years' then
    raise exception 'run_at is more than 1000 years away'
      using errcode = '22023', hint = 'postkit:queue:VAL_INTERVAL_TOO_LARGE';
  end if;
end
$$;
