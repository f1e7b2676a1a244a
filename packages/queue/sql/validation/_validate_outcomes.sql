-- queue._validate_outcomes: refuses outcomes that are unknown or not one for each job, and delays that are too long.
--
-- Raises   VAL_ACK_BATCH_LENGTH (22023) · VAL_OUTCOME_UNKNOWN (22023) · VAL_INTERVAL_TOO_LARGE (22023)
create function queue._validate_outcomes(p_count int, p_outcomes text[], p_errors text[], p_delays interval[])
returns void
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  if coalesce(cardinality(p_outcomes), 0) <> coalesce(p_count, 0)
    or cardinality(p_errors) <> p_count
    or cardinality(p_delays) <> p_count
  then
    raise exception 'outcomes, errors and delays must have as many elements as job_ids'
      using errcode = '22023', hint = 'postkit:queue:VAL_ACK_BATCH_LENGTH';
  end if;
  if array_position(p_outcomes, null) is not null
    or not p_outcomes <@ array['ack', 'nack', 'fail', 'release', 'release_uncounted', 'cancel']
  then
    raise exception 'an outcome must be ack, nack, fail, release, release_uncounted or cancel'
      using errcode = '22023', hint = 'postkit:queue:VAL_OUTCOME_UNKNOWN';
  end if;
  perform queue._validate_interval_size(d.delay, 'delay')
  from unnest(p_delays) d (delay);
end
$$;
