-- queue._retry_delay: how long a job of a queue waits after its n-th failed attempt, as the queue's settings say.
--
-- The jitter is the share of the delay that is left to chance: with 0.5 a delay is between a half and the whole of it.
create function queue._retry_delay(p_namespace text, p_queue text, p_attempt int)
returns interval
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_config queue.config := queue._get_config(p_namespace, p_queue);
begin
  return queue._backoff(
    v_config.backoff_kind, p_attempt, v_config.backoff_base, v_config.backoff_factor, v_config.backoff_max
  ) * (1 - random() * v_config.backoff_jitter::double precision);
end
$$;
