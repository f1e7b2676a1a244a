-- queue._notify: tells those who listen to a queue, and workers of all namespaces when there are any.
create function queue._notify(p_namespace text, p_queue text, p_notice json)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform pg_notify(queue.channel_name(p_namespace, p_queue), p_notice::text);
  if exists (
    select
    from queue.workers w
    where w.namespace = '' and w.queue = p_queue
  ) then
    perform pg_notify(queue.channel_name('', p_queue), p_notice::text);
  end if;
end
$$;
