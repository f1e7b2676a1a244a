-- queue._cron_parse: works out a cron expression.
--
-- Five fields (minute, hour, day of month, month, day of week) or one of @yearly @annually @monthly @weekly @daily
-- @midnight @hourly. When both days are restricted, either is enough; a day that begins with * is not restricted in
-- this sense, and then both must hold: "0 0 1 * */2" is the first of a month if that is a Sunday, Tuesday, Thursday
-- or Saturday.
--
-- Raises   VAL_CRON_EMPTY (22026) · VAL_CRON_TOO_LONG (22001) · VAL_CRON_FIELDS (22023) · VAL_CRON_INVALID (22023)
--          · VAL_CRON_STEP_ZERO (22023)
create function queue._cron_parse(p_cron text)
returns queue.cron_fields
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_text text := btrim(p_cron, E' \t\n\r\f\v');
  v_parts text[];
  v_week varbit;
  v_fields queue.cron_fields;
begin
  if coalesce(v_text, '') = '' then
    raise exception 'cron expression is empty'
      using errcode = '22026', hint = 'postkit:queue:VAL_CRON_EMPTY';
  end if;
  if length(p_cron) > 256 then
    raise exception 'cron expression is longer than 256 characters'
      using errcode = '22001', hint = 'postkit:queue:VAL_CRON_TOO_LONG';
  end if;
  if left(v_text, 1) = '@' then
    v_text := case lower(v_text collate "C")
      when '@yearly' then '0 0 1 1 *'
      when '@annually' then '0 0 1 1 *'
      when '@monthly' then '0 0 1 * *'
      when '@weekly' then '0 0 * * 0'
      when '@daily' then '0 0 * * *'
      when '@midnight' then '0 0 * * *'
      when '@hourly' then '0 * * * *'
      else ''
    end;
  end if;
  v_parts := regexp_split_to_array(v_text, '[ \t]+');
  if cardinality(v_parts) <> 5 then
    raise exception 'cron expression must have five fields or be a macro such as @daily'
      using errcode = '22023', hint = 'postkit:queue:VAL_CRON_FIELDS';
  end if;

  v_fields.minutes := queue._cron_bits(v_parts[1], 0, 59);
  v_fields.hours := queue._cron_bits(v_parts[2], 0, 23);
  v_fields.days := queue._cron_bits(v_parts[3], 1, 31);
  v_fields.months := queue._cron_bits(v_parts[4], 1, 12);
  v_week := queue._cron_bits(v_parts[5], 0, 7);
  -- Sunday is the first bit and the eighth.
  v_week := set_bit(substring(v_week from 1 for 7), 0, get_bit(v_week, 0) | get_bit(v_week, 7));
  v_fields.weekdays := v_week || v_week || v_week || v_week || v_week || v_week;
  v_fields.is_either := left(v_parts[3], 1) <> '*' and left(v_parts[5], 1) <> '*';
  v_fields.is_fixed := strpos(v_parts[1] || v_parts[2], '*') = 0 and strpos(v_parts[1] || v_parts[2], '/') = 0;
  return v_fields;
end
$$;
