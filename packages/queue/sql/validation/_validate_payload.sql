-- queue._validate_payload: refuses a payload that is null; the JSON value null is one.
--
-- Raises   VAL_PAYLOAD_NULL (22004)
create function queue._validate_payload(p_payload jsonb)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if p_payload is null then
    raise exception 'payload is null'
      using errcode = '22004', hint = 'postkit:queue:VAL_PAYLOAD_NULL';
  end if;
end
$$;
