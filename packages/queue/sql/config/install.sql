do $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
begin
  perform set_config('postkit.maintenance', 'on', true);
  insert into queue.config (
    namespace, archive_completed, notify, default_visibility_timeout, default_max_attempts,
    backoff_kind, backoff_base, backoff_factor, backoff_max, backoff_jitter, retention
  )
  values ('global', false, 'auto', '5 minutes', 3, 'exponential', '30 seconds', 2, '1 hour', 0, '7 days');
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
end
$$;
