-- postkit.ensure_bookkeeping: creates the table in which node-pg-migrate keeps a module's applied steps.
--
-- Takes    p_module  the module's name
-- Writes   postkit.<module>_migrations, when it is missing
create or replace function postkit.ensure_bookkeeping(p_module text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if to_regclass(format('postkit.%I', p_module || '_migrations')) is null then
    execute format(
      'create table postkit.%I (id serial primary key, name varchar(255) not null, run_on timestamp not null)',
      p_module || '_migrations'
    );
  end if;
end
$$;
