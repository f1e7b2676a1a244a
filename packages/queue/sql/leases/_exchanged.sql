-- queue._exchanged: the answer of queue.settle_and_pull.
create function queue._exchanged(p_jobs json, p_stale bigint[], p_due_at timestamptz)
returns json
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  return json_build_object(
    'jobs', coalesce(p_jobs, '[]'),
    'stale', p_stale::text[],
    'due_in_ms', case
      when p_due_at is not null then greatest(0, ceil(extract(epoch from p_due_at - clock_timestamp()) * 1000))
    end
  );
end
$$;
