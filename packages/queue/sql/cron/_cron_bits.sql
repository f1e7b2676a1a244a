-- queue._cron_bits: what one field of a cron expression selects, a bit for each value from p_min to p_max.
--
-- Raises   what _cron_parse_field raises
create function queue._cron_bits(p_field text, p_min int, p_max int)
returns varbit
language plpgsql
immutable
parallel safe
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_bits varbit;
  v_value int;
begin
  -- Most fields of most expressions.
  if p_field = '*' then
    return repeat('1', p_max - p_min + 1)::varbit;
  end if;
  v_bits := repeat('0', p_max - p_min + 1)::varbit;
  foreach v_value in array queue._cron_parse_field(p_field, p_min, p_max)
  loop
    v_bits := set_bit(v_bits, v_value - p_min, 1);
  end loop;
  return v_bits;
end
$$;
