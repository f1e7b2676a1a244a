-- queue._validate_batch_size: refuses an array with more elements than one call may have.
--
-- Raises   VAL_BATCH_TOO_LARGE (22023)
create function queue._validate_batch_size(p_size int, p_name text, p_max int default 1000)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_size > p_max then
    raise exception '% has % elements, the most is %', p_name, p_size, p_max
      using errcode = '22023', hint = 'postkit:queue:VAL_BATCH_TOO_LARGE';
  end if;
end
$$;
