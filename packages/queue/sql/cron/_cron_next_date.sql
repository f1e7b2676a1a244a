-- queue._cron_next_date: the first date, p_from or later, that a cron expression selects.
--
-- Goes from selected month to selected month. The rarest date there is, a 29 February on one weekday, comes again
-- within 40 years.
--
-- Returns  the date; null when no date is ever selected
create function queue._cron_next_date(p_fields queue.cron_fields, p_from date)
returns date
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_day int := extract(day from p_from);
  v_month int := extract(month from p_from);
  v_first date := p_from - v_day + 1;
  v_next date;
  v_last date := p_from + interval '41 years';
  v_days varbit;
  v_position int;
begin
  loop
    v_next := v_first + interval '1 month';
    if get_bit(p_fields.months, v_month - 1) = 1 then
      v_days := substring(p_fields.weekdays from extract(dow from v_first)::int + 1 for 31);
      v_days := case
        when p_fields.is_either then v_days | p_fields.days
        else v_days & p_fields.days
      end;
      v_position := position(B'1' in substring(v_days from v_day for v_next - v_first - v_day + 1));
      if v_position > 0 then
        return v_first + v_day + v_position - 2;
      end if;
    end if;
    v_day := 1;
    v_position := position(B'1' in substring(p_fields.months from v_month + 1));
    if v_position = 0 then
      v_position := 12 - v_month + position(B'1' in p_fields.months);
    end if;
    v_first := v_first + make_interval(months => v_position);
    v_month := extract(month from v_first);
    if v_first > v_last then
      return null;
    end if;
  end loop;
end
$$;
