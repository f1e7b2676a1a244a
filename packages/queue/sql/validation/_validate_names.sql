-- queue._validate_names: refuses what cannot be a namespace or a queue's name, in one call for what runs often.
--
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001)
create function queue._validate_names(p_namespace text, p_queue text)
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  -- Nearly all names are made of these, and no longer.
  if p_namespace collate "C" ~ '^[!-~]+$'
    and p_queue collate "C" ~ '^[!-~]+$'
    and octet_length(p_namespace) <= 256
    and octet_length(p_queue) <= 256
  then
    return;
  end if;
  perform queue._validate_namespace(p_namespace);
  perform queue._validate_queue_name(p_queue);
  perform queue._validate_key_size(p_namespace, p_queue);
end
$$;
