-- queue.channel_name: the channel on which pushes to a queue are notified.
--
-- Example  select queue.channel_name('acme', 'email');
create function queue.channel_name(p_namespace text, p_queue text)
returns text
language sql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
  select 'q_' || md5(p_namespace || U&'\001F' || p_queue)
$$;
