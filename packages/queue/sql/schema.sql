do $$
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'queue needs a database in UTF8, this one is in %', current_setting('server_encoding')
      using errcode = '0A000';
  end if;
end
$$;

-- An administrator may have made it, empty, for an owner who may not create schemas: PostgreSQL asks for that right
-- even when there is nothing to create.
do $$
begin
  if to_regnamespace('queue') is null then
    create schema queue;
  end if;
end
$$;

comment on schema queue is 'Postkit queue: jobs, schedules, dead letters';
