-- queue.set_actor: names who acts; jobs of the rest of the transaction keep it.
--
-- Takes    p_actor_id      who acts: 'user:admin'
--          p_request_id    the request it happens in
--          p_on_behalf_of  for whom, when somebody acts for somebody else
--          p_reason        why
-- Example  select queue.set_actor('user:admin', p_reason => 'ticket 42');
create function queue.set_actor(
  p_actor_id text default null,
  p_request_id text default null,
  p_on_behalf_of text default null,
  p_reason text default null
)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform set_config('postkit.actor_id', coalesce(p_actor_id, ''), true);
  perform set_config('postkit.request_id', coalesce(p_request_id, ''), true);
  perform set_config('postkit.on_behalf_of', coalesce(p_on_behalf_of, ''), true);
  perform set_config('postkit.reason', coalesce(p_reason, ''), true);
end
$$;
