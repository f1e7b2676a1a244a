-- queue._take_keys: takes the keys of jobs as queue.push_many has them.
--
-- Keys are taken in one order, so that two calls never wait for each other in a circle; ids are in that of the array.
--
-- Returns  an id for each job, null for those whose key is taken
create function queue._take_keys(p_namespace text, p_jobs jsonb)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_ids bigint[] := array(
    select nextval('queue.job_id_seq') from generate_series(1, jsonb_array_length(p_jobs))
  );
  v_job record;
begin
  for v_job in
    select j.index, j.queue, j.unique_key
    from queue._read_jobs(p_jobs) j
    where j.unique_key is not null
    order by j.queue, j.unique_key, j.index
  loop
    insert into queue.unique_keys (namespace, queue, key, job_id)
    values (p_namespace, v_job.queue, v_job.unique_key, v_ids[v_job.index])
    on conflict do nothing;
    if not found then
      v_ids[v_job.index] := null;
    end if;
  end loop;
  return v_ids;
end
$$;
