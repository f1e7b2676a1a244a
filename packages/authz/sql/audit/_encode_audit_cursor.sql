-- authz._encode_audit_cursor: the place of an event in the audit as opaque text, exact to the microsecond.
create function authz._encode_audit_cursor(p_event_time timestamptz, p_id bigint)
returns text
language sql
stable
security invoker
set search_path = authz, pg_temp
as $$
  select rtrim(translate(encode(convert_to(
    json_build_array(to_char(p_event_time at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), p_id)::text, 'utf8'
  ), 'base64'), E'+/\n', '-_'), '=')
$$;
