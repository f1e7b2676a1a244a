-- queue._backoff: how long a job waits after its n-th failed attempt, without jitter.
--
-- Takes    p_kind     exponential: the base times the factor to the power of n - 1; linear: the base times n; constant
--          p_attempt  n, from 1
create function queue._backoff(p_kind text, p_attempt int, p_base interval, p_factor numeric, p_max interval)
returns interval
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_base_seconds double precision := extract(epoch from p_base);
  v_max_seconds double precision := extract(epoch from p_max);
begin
  -- In seconds, which saturate: an interval would overflow long before the cap is applied.
  return make_interval(secs => least(
    v_max_seconds,
    case p_kind
      when 'exponential' then v_base_seconds * p_factor::double precision ^ least(greatest(p_attempt, 1) - 1, 60)
      when 'linear' then v_base_seconds * greatest(p_attempt, 1)
      else v_base_seconds
    end
  ));
end
$$;
