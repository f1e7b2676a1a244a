-- authz._validate_identifier: refuses what cannot be a type, a relation or a permission.
--
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023)
create function authz._validate_identifier(p_value text, p_field text)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_value collate "C" ~ '^[a-z][a-z0-9_-]*$' and length(p_value) <= 1024 then
    return;
  end if;
  perform authz._validate_text(p_value, p_field, 'VAL_IDENTIFIER');
  raise exception '% must be lower-case letters, digits, _ and -, beginning with a letter', p_field
    using errcode = '22023', hint = 'postkit:authz:VAL_IDENTIFIER_FORMAT';
end
$$;
