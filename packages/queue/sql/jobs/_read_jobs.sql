-- queue._read_jobs: the jobs that an array of JSON objects describes, as queue.push_many takes them.
--
-- Returns  them in the order of the array
-- Raises   VAL_JOBS_INVALID (22023)
create function queue._read_jobs(p_jobs jsonb)
returns queue.new_job[]
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_unknown text;
begin
  if jsonb_typeof(p_jobs) is distinct from 'array' or jsonb_path_exists(p_jobs, 'strict $[*] ? (@.type() != "object")') then
    raise exception 'jobs must be an array of objects'
      using errcode = '22023', hint = 'postkit:queue:VAL_JOBS_INVALID';
  end if;
  select k.key
  into v_unknown
  from jsonb_array_elements(p_jobs) j
  cross join lateral jsonb_object_keys(j) k (key)
  where k.key not in (
    'queue', 'payload', 'delay', 'run_at', 'priority', 'max_attempts', 'unique_key', 'tags', 'metadata'
  )
  limit 1;
  if v_unknown is not null then
    raise exception 'a job has the key %, which is none of a job', quote_literal(v_unknown)
      using errcode = '22023', hint = 'postkit:queue:VAL_JOBS_INVALID';
  end if;
  begin
    return array(
      select row(
        j.index, j.queue, j.value -> 'payload', j.delay, j.run_at, j.priority, j.max_attempts, j.unique_key, j.tags,
        nullif(j.value -> 'metadata', 'null')
      )::queue.new_job
      from rows from (
        jsonb_array_elements(p_jobs),
        jsonb_to_recordset(p_jobs) as (
          queue text, delay interval, run_at timestamptz, priority int, max_attempts int, unique_key text, tags text[]
        )
      ) with ordinality j (value, queue, delay, run_at, priority, max_attempts, unique_key, tags, index)
      order by j.index
    );
  exception
    when data_exception then
      raise exception 'jobs cannot be read: %', sqlerrm
        using errcode = '22023', hint = 'postkit:queue:VAL_JOBS_INVALID';
  end;
end
$$;
