-- queue._wake: tells those who wait for jobs of a queue that there is one, as its setting asks.
--
-- With auto, nothing is sent while all workers of the queue that are alive are busy: a notification costs a lock on the
-- whole database at commit. Has to run after the job was written. Then a worker that began to wait too late to be seen
-- here, sees this transaction under way, and looks for jobs until it has ended: see queue.report_worker.
--
-- Takes    p_notice  what listeners get as JSON
create function queue._wake(p_namespace text, p_queue text, p_notice json)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_mode text;
  v_is_waited_for boolean;
  v_is_global boolean;
begin
  select coalesce(q.notify, n.notify, g.notify), w.is_waited_for, w.is_global
  into v_mode, v_is_waited_for, v_is_global
  from queue.config g
  left join queue.config n on n.namespace = p_namespace and n.queue = ''
  left join queue.config q on q.namespace = p_namespace and q.queue = p_queue
  cross join (
    select bool_or(w.is_waiting) filter (where w.seen_at > clock_timestamp() - interval '2 minutes') as is_waited_for,
      bool_or(w.namespace = '') as is_global
    from queue.workers w
    where w.namespace in (p_namespace, '') and w.queue = p_queue
  ) w
  where g.namespace = 'global' and g.queue = '';
  if v_mode = 'off' then
    return;
  end if;
  -- Who reads an old snapshot cannot know who waits. Where no worker is known there may be listeners of other kinds.
  if v_mode = 'always'
    or v_is_waited_for is not false
    or current_setting('transaction_isolation') <> 'read committed'
  then
    perform queue._notify(p_namespace, p_queue, p_notice, v_is_global);
  end if;
end
$$;
