-- queue._cron_parse_field: the values that one field of a cron expression selects.
--
-- A comma list of *, n, a-b, each with an optional /step; n/step runs from n to the end of the field. A field from
-- 1 to 12 takes the names of months, one from 0 to 7 those of weekdays, where "sun" ends a range as 7. A step beyond
-- the size of the field is refused: who writes */90 for minutes means something that cron cannot say.
--
-- Takes    p_field       the text, in any case
--          p_min, p_max  the first and the last value of the field, which say what field it is
-- Returns  the values in order, each once; Sunday stays 0 or 7 as written
-- Raises   VAL_CRON_INVALID (22023) · VAL_CRON_STEP_ZERO (22023)
create function queue._cron_parse_field(p_field text, p_min int, p_max int)
returns int[]
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  -- A week has seven days, though Sunday has two numbers.
  v_size int := case when p_max = 7 then 7 else p_max - p_min + 1 end;
  v_names text[] := case
    when p_min = 1 and p_max = 12
      then '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'
    when p_min = 0 and p_max = 7
      then '{sun,mon,tue,wed,thu,fri,sat}'
  end;
  v_items text[] := string_to_array(lower(coalesce(nullif(p_field, ''), ',') collate "C"), ',');
  v_item text collate "C";
  v_parts text[] collate "C";
  v_first int;
  v_last int;
  v_step int;
  v_values int[] := '{}';
begin
  foreach v_item in array v_items
  loop
    v_parts := regexp_match(
      v_item, '^(?:\*|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:/(-?[0-9]{1,9}))?$'
    );
    if v_parts is null then
      raise exception 'cron expression: the field from % to % is not a list of values, ranges and steps', p_min, p_max
        using errcode = '22023', hint = 'postkit:queue:VAL_CRON_INVALID';
    end if;
    v_step := coalesce(v_parts[3]::int, 1);
    if v_step < 1 then
      raise exception 'cron expression: the field from % to % has a step below 1', p_min, p_max
        using errcode = '22023', hint = 'postkit:queue:VAL_CRON_STEP_ZERO';
    end if;
    if v_step > v_size then
      raise exception 'cron expression: the field from % to % has a step above %', p_min, p_max, v_size
        using errcode = '22023', hint = 'postkit:queue:VAL_CRON_INVALID';
    end if;

    if v_parts[1] is null then
      v_first := p_min;
      v_last := p_max;
    else
      v_first := case
        when v_parts[1] < 'a' then v_parts[1]::int
        else p_min - 1 + array_position(v_names, v_parts[1])
      end;
      v_last := case
        when v_parts[2] is null and v_parts[3] is null then v_first
        when v_parts[2] is null then p_max
        when v_parts[2] < 'a' then v_parts[2]::int
        when v_parts[2] = 'sun' and p_max = 7 and v_first > 0 then 7
        else p_min - 1 + array_position(v_names, v_parts[2])
      end;
    end if;
    if (v_first >= p_min and v_first <= p_max and v_last >= p_min and v_last <= p_max) is not true then
      raise exception 'cron expression: the field from % to % has a value outside', p_min, p_max
        using errcode = '22023', hint = 'postkit:queue:VAL_CRON_INVALID';
    end if;
    if v_first > v_last then
      raise exception 'cron expression: the field from % to % has a range that ends before it begins', p_min, p_max
        using errcode = '22023', hint = 'postkit:queue:VAL_CRON_INVALID';
    end if;
    for v_value in v_first..v_last by v_step
    loop
      v_values := v_values || v_value;
    end loop;
  end loop;
  if cardinality(v_items) > 1 then
    v_values := array(select distinct v from unnest(v_values) v order by v);
  end if;
  return v_values;
end
$$;
