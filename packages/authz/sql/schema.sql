do $$
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'authz needs a database in UTF8, this one is in %', current_setting('server_encoding')
      using errcode = '0A000';
  end if;
end
$$;

-- An administrator may have made it, empty, for an owner who may not create schemas: PostgreSQL asks for that right
-- even when there is nothing to create.
do $$
begin
  if to_regnamespace('authz') is null then
    create schema authz;
  end if;
end
$$;

comment on schema authz is 'Postkit authz: relationship-based permissions';
