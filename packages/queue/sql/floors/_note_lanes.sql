-- queue._note_lanes: notes that jobs of these priorities were taken from a queue, for queue._advance_floors to look after.
create function queue._note_lanes(p_namespace text, p_queue text, p_ranks int[])
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  insert into queue.lanes (namespace, queue, rank, id)
  select p_namespace, p_queue, n.rank, nextval('queue.job_id_seq')
  from (select distinct u.rank from unnest(p_ranks) u (rank)) n
  where not exists (
    select
    from queue.lanes l
    where l.namespace = p_namespace and l.queue = p_queue and l.rank = n.rank
  );
end
$$;
