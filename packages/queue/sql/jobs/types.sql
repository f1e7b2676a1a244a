-- A job that is to be pushed, as JSON describes it; its index in the array counts from 1.
create type queue.new_job as (
  index int,
  queue text collate "C",
  payload jsonb,
  delay interval,
  run_at timestamptz,
  priority int,
  max_attempts int,
  unique_key text collate "C",
  tags text[],
  metadata jsonb
);

comment on type queue.new_job is 'A job as queue.push_many is given it, not validated yet; index from 1';
