-- queue._forget_dead_workers: deletes workers that were not heard of for minutes, passing over those that just come back.
create function queue._forget_dead_workers()
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  delete from queue.workers w
  using (
    select d.namespace, d.queue, d.worker_id
    from queue.workers d
    where d.seen_at < clock_timestamp() - interval '5 minutes'
    for update skip locked
  ) d
  where w.namespace = d.namespace and w.queue = d.queue and w.worker_id = d.worker_id;
end
$$;
