-- queue._take_keys: takes the keys of jobs as queue.push_many has them.
--
-- Keys are taken in one order, so that two calls never wait for each other in a circle; ids are in that of the array.
--
-- Returns  an id for each job, null for those whose key is taken; null when no job has a key
create function queue._take_keys(p_namespace text, p_jobs queue.new_job[])
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_ids bigint[];
begin
  if not exists (select from unnest(p_jobs) j where j.unique_key is not null) then
    return null;
  end if;
  v_ids := array(select nextval('queue.job_id_seq') from generate_series(1, cardinality(p_jobs)));
  with taken as (
    insert into queue.unique_keys (namespace, queue, key, job_id)
    select p_namespace, j.queue, j.unique_key, v_ids[j.index]
    from unnest(p_jobs) j
    where j.unique_key is not null
    order by j.queue, j.unique_key, j.index
    on conflict do nothing
    returning job_id
  )
  select array_agg(
    case when j.unique_key is null or v_ids[j.index] in (select t.job_id from taken t) then v_ids[j.index] end
    order by j.index
  )
  into v_ids
  from unnest(p_jobs) j;
  return v_ids;
end
$$;
