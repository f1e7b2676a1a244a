-- authz._validate_text: refuses a text that is null, blank or too long, with the codes of its kind.
--
-- Takes    p_value   the text
--          p_field   its name in the message
--          p_prefix  the kind its codes begin with: VAL_ID, VAL_IDENTIFIER, VAL_NAMESPACE
-- Raises   <prefix>_NULL (22004) · <prefix>_EMPTY (22026) · <prefix>_TOO_LONG (22001)
create function authz._validate_text(p_value text, p_field text, p_prefix text)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_value is null then
    raise exception '% is null', p_field
      using errcode = '22004', hint = 'postkit:authz:' || p_prefix || '_NULL';
  end if;
  if btrim(p_value) = '' then
    raise exception '% is empty', p_field
      using errcode = '22026', hint = 'postkit:authz:' || p_prefix || '_EMPTY';
  end if;
  if length(p_value) > 1024 then
    raise exception '% is longer than 1024 characters', p_field
      using errcode = '22001', hint = 'postkit:authz:' || p_prefix || '_TOO_LONG';
  end if;
end
$$;
