-- PostgreSQL asks for the right to create schemas even when there is nothing to create.
do $$
begin
  if to_regnamespace('postkit') is null then
    create schema postkit;
  end if;
end
$$;

comment on schema postkit is 'Postkit core: context, schema versions and recorded grants';

create table if not exists postkit.core_schema (
  version int not null,
  updated_at timestamptz not null default now(),
  only_row boolean not null default true,
  constraint core_schema_pkey primary key (only_row),
  constraint core_schema_has_one_row check (only_row)
);

comment on table postkit.core_schema is 'Version of this schema itself, one row';
