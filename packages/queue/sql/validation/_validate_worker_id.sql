-- queue._validate_worker_id: refuses a worker's name that is null, empty or longer than 256 characters.
--
-- Raises   VAL_WORKER_ID_INVALID (22023)
create function queue._validate_worker_id(p_value text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if coalesce(p_value, '') = '' or length(p_value) > 256 then
    raise exception 'worker_id must have 1 to 256 characters'
      using errcode = '22023', hint = 'postkit:queue:VAL_WORKER_ID_INVALID';
  end if;
end
$$;
