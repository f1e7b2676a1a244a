-- authz._audit_default_has_rows: whether events of any tenant are in the audit's default partition.
--
-- Tells no more than that, so that every application may ask. Partitions have no policy, by which they can be reached
-- through their parent alone: so it is asked for the times that no other partition is for.
create function authz._audit_default_has_rows()
returns boolean
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
  v_times text;
  v_has_rows boolean;
begin
  select string_agg(
    concat_ws(
      ' and ',
      'true',
      'e.event_time >= ' || quote_literal(lower(g.gap)),
      'e.event_time < ' || quote_literal(upper(g.gap))
    ),
    ' or '
  )
  into v_times
  from unnest(
    '{(,)}'::tstzmultirange
    - (select coalesce(range_agg(tstzrange(p.from_time, p.to_time)), '{}') from authz._audit_partitions() p)
  ) g (gap);

  perform set_config('postkit.maintenance', 'on', true);
  execute 'select exists (select from authz.audit_events e where ' || coalesce(v_times, 'false') || ')'
  into v_has_rows;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
  return v_has_rows;
end
$$;
