-- queue._notify: tells those who listen to a queue.
--
-- Takes    p_is_global  whether workers of all namespaces listen as well
create function queue._notify(p_namespace text, p_queue text, p_notice json, p_is_global boolean)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform pg_notify(queue.channel_name(p_namespace, p_queue), p_notice::text);
  if p_is_global then
    perform pg_notify(queue.channel_name('', p_queue), p_notice::text);
  end if;
end
$$;
