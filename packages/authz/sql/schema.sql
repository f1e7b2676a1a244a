do $$
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'authz needs a database in UTF8, this one is in %', current_setting('server_encoding')
      using errcode = '0A000';
  end if;
end
$$;

create schema authz;

comment on schema authz is 'Postkit authz: relationship-based permissions';
