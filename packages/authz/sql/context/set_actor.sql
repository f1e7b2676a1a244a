-- authz.set_actor: names who acts, for the audit of the rest of the transaction.
--
-- Takes    p_actor_id      who acts: 'user:admin'
--          p_request_id    the request it happens in
--          p_reason        why
--          p_on_behalf_of  for whom, when somebody acts for somebody else
-- Example  select authz.set_actor('user:admin', p_reason => 'ticket 42');
create function authz.set_actor(
  p_actor_id text,
  p_request_id text default null,
  p_reason text default null,
  p_on_behalf_of text default null
)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  execute format('set local postkit.actor_id = %L', coalesce(p_actor_id, ''));
  execute format('set local postkit.request_id = %L', coalesce(p_request_id, ''));
  execute format('set local postkit.reason = %L', coalesce(p_reason, ''));
  execute format('set local postkit.on_behalf_of = %L', coalesce(p_on_behalf_of, ''));
end
$$;
