-- authz._validate_id: refuses what cannot be an id.
--
-- Takes    p_prefix  the kind its codes begin with
-- Raises   VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001) · VAL_ID_INVALID_CHARS (22023)
--          · VAL_ID_WHITESPACE (22023)
create function authz._validate_id(p_value text, p_field text, p_prefix text default 'VAL_ID')
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._validate_text(p_value, p_field, p_prefix);
  if p_value collate "C" ~ '[\u0001-\u001f\u007f\u0085\u2028\u2029]' then
    raise exception '% contains a control character or a line separator', p_field
      using errcode = '22023', hint = 'postkit:authz:' || p_prefix || '_INVALID_CHARS';
  end if;
  if p_value <> btrim(p_value) then
    raise exception '% begins or ends with a space', p_field
      using errcode = '22023', hint = 'postkit:authz:' || p_prefix || '_WHITESPACE';
  end if;
end
$$;
