-- queue._exchanged: the answer of queue.settle_and_pull.
--
-- Takes    p_jobs  objects of JSON with commas between
create function queue._exchanged(p_jobs text, p_stale bigint[], p_due_at timestamptz)
returns json
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  return concat(
    '{"jobs":[', p_jobs, '],"stale":', to_json(p_stale::text[]), ',"due_in_ms":',
    case
      when p_due_at is null then 'null'
      else greatest(0, ceil(extract(epoch from p_due_at - clock_timestamp()) * 1000))::text
    end,
    '}'
  );
end
$$;
