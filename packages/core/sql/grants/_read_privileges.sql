-- postkit._read_privileges: what roles other than the owner may do on core and the installed modules.
--
-- What everybody may is left out. `is_passed_on` tells that somebody other than the owner gave it.
create or replace function postkit._read_privileges()
returns table (
  schema_name text,
  kind text,
  object_name text,
  argument_types text,
  column_name text,
  grantee text,
  privilege text,
  is_grantable boolean,
  is_passed_on boolean
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with schemas as (
    select n.oid, n.nspname::text as schema_name, n.nspowner, n.nspacl
    from pg_namespace n
    where n.nspname = 'postkit' or n.nspname in (select i.module from postkit._installed_modules() i (module))
  ),
  objects as (
    select s.schema_name, 'schema' as kind, s.schema_name as object_name, null as argument_types,
      null as column_name, s.nspowner as owner, s.nspacl as acl
    from schemas s
    union all
    select s.schema_name, 'routine', p.proname, oidvectortypes(p.proargtypes), null, p.proowner, p.proacl
    from pg_proc p
    join schemas s on s.oid = p.pronamespace
    union all
    select s.schema_name, 'table', c.relname, null, null, c.relowner, c.relacl
    from pg_class c
    join schemas s on s.oid = c.relnamespace
    union all
    select s.schema_name, 'column', c.relname, null, a.attname, c.relowner, a.attacl
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    join schemas s on s.oid = c.relnamespace
    where not a.attisdropped
  )
  select o.schema_name, o.kind, o.object_name, o.argument_types, o.column_name, r.rolname, a.privilege_type,
    a.is_grantable, a.grantor <> o.owner
  from objects o
  cross join aclexplode(o.acl) a
  join pg_roles r on r.oid = a.grantee
  where a.grantee <> o.owner
$$;
