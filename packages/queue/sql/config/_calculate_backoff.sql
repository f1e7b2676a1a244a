-- queue._calculate_backoff: how long a job waits after its n-th failed attempt: the base doubled each time, up to a cap.
--
-- Takes    p_attempt  from 1
-- Example  select queue._calculate_backoff(3); -- 2 minutes
create function queue._calculate_backoff(
  p_attempt int,
  p_base_delay interval default '30 seconds',
  p_max_delay interval default '1 hour'
)
returns interval
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return queue._backoff('exponential', p_attempt, p_base_delay, 2, p_max_delay);
end
$$;
