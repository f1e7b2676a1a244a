-- queue.retry_dead_letters: pushes the jobs of a queue's dead letters anew, oldest first, each as
-- queue.retry_dead_letter; those that others are just retrying are passed over.
--
-- Takes    p_limit  how many, 1 to 1000
-- Returns  the dead letters with their new jobs
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_QUEUE_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_NOT_POSITIVE (22023)
--          · VAL_LIMIT_TOO_LARGE (22023)
-- Writes   queue.ready, queue.dead_letters
-- Example  select * from queue.retry_dead_letters('acme', 'email');
create function queue.retry_dead_letters(p_namespace text, p_queue text, p_limit int default 100)
returns table (dead_letter_id bigint, job_id bigint)
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_letter queue.dead_letters;
begin
  perform queue._validate_names(p_namespace, p_queue);
  perform queue._validate_limit(p_limit);
  perform queue._validate_pull(p_namespace, null);
  for v_letter in
    select d.*
    from queue.dead_letters d
    where d.namespace = p_namespace and d.queue = p_queue and d.retried_at is null
    order by d.failed_at, d.id
    limit p_limit
    for update skip locked
  loop
    dead_letter_id := v_letter.id;
    job_id := queue._retry(v_letter, null);
    return next;
  end loop;
end
$$;
