-- queue._validate_timezone: refuses what is not the name of a time zone.
--
-- Every name of pg_timezone_names is one, in any case, and so are the abbreviations that PostgreSQL knows, which stand
-- for an offset all the year round: 'EST', but 'CET' too. PostgreSQL would take 'FOO+3' as well, and 'UTC+3' for three
-- hours west of Greenwich; such rules have digits, as only these few names have.
--
-- Raises   VAL_TIMEZONE_UNKNOWN (22023)
create function queue._validate_timezone(p_timezone text)
returns void
language plpgsql
stable
security invoker
set search_path = queue, pg_temp
set timezone = 'UTC'
as $$
begin
  if p_timezone ~ '[^A-Za-z_/+-]'
    and p_timezone !~* '^(posix/|right/)?((Etc/)?GMT[+-]?0|Etc/GMT(\+[1-9]|\+1[0-2]|-[1-9]|-1[0-4])|(EST5E|CST6C|MST7M|PST8P)DT)$'
  then
    raise invalid_parameter_value;
  end if;
  if (timestamptz 'epoch' at time zone p_timezone) is null then
    raise invalid_parameter_value;
  end if;
exception
  when invalid_parameter_value then
    raise exception 'time zone is not known'
      using errcode = '22023', hint = 'postkit:queue:VAL_TIMEZONE_UNKNOWN';
end
$$;
