-- queue.retry_dead_letter: pushes the job of a dead letter anew, with all its attempts and without its key.
--
-- Takes    p_queue  another queue than it was on
-- Returns  the id of the new job
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_DEAD_LETTER_ID_NULL (22004)
--          · VAL_QUEUE_EMPTY (22026) · VAL_QUEUE_TOO_LONG (22001) · VAL_QUEUE_INVALID_CHARS (22023)
--          · VAL_QUEUE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · DATA_DEAD_LETTER_NOT_FOUND (P0002)
--          · BIZ_DEAD_LETTER_ALREADY_RETRIED (22023)
-- Writes   queue.ready, queue.dead_letters
-- Example  select queue.retry_dead_letter('acme', 7);
create function queue.retry_dead_letter(p_namespace text, p_dead_letter_id bigint, p_queue text default null)
returns bigint
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_letter queue.dead_letters;
begin
  perform queue._validate_namespace(p_namespace);
  if p_dead_letter_id is null then
    raise exception 'dead_letter_id is null'
      using errcode = '22004', hint = 'postkit:queue:VAL_DEAD_LETTER_ID_NULL';
  end if;
  if p_queue is not null then
    perform queue._validate_names(p_namespace, p_queue);
  end if;
  perform queue._validate_pull(p_namespace, null);
  select d.*
  into v_letter
  from queue.dead_letters d
  where d.namespace = p_namespace and d.id = p_dead_letter_id
  for update;
  if not found then
    raise exception 'there is no dead letter %', p_dead_letter_id
      using errcode = 'P0002', hint = 'postkit:queue:DATA_DEAD_LETTER_NOT_FOUND';
  end if;
  if v_letter.retried_at is not null then
    raise exception 'dead letter % was retried already, as job %', p_dead_letter_id, v_letter.retry_job_id
      using errcode = '22023', hint = 'postkit:queue:BIZ_DEAD_LETTER_ALREADY_RETRIED';
  end if;
  return queue._retry(v_letter, p_queue);
end
$$;
