-- postkit._installed_modules: the modules whose steps are recorded and whose schema is there.
create or replace function postkit._installed_modules()
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select v.module
  from postkit.schema_versions v
  where to_regnamespace(quote_ident(v.module)) is not null
  order by v.module
$$;
