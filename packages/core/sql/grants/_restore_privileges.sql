-- postkit._restore_privileges: gives back what _save_privileges found, on objects and to roles that still exist.
--
-- A function is found by its argument types; by its name when none has these any more.
create or replace function postkit._restore_privileges(p_privileges jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_statement text;
begin
  for v_statement in
    select format('grant %s%s on %s to %I%s',
      g.privilege, ' (' || quote_ident(g.column_name) || ')', o.target, g.grantee,
      case when g.is_grantable then ' with grant option' end)
    from jsonb_to_recordset(p_privileges) g (
      schema_name text, kind text, object_name text, argument_types text, column_name text,
      grantee text, privilege text, is_grantable boolean
    )
    join pg_roles r on r.rolname = g.grantee
    join pg_namespace n on n.nspname = g.schema_name
    cross join lateral (
      select format('schema %I', n.nspname) as target, n.nspacl as acl
      where g.kind = 'schema'
      union all
      select format('routine %s', p.oid::regprocedure), p.proacl
      from pg_proc p
      where g.kind = 'routine' and p.pronamespace = n.oid and p.proname = g.object_name
        and (
          oidvectortypes(p.proargtypes) = g.argument_types
          or not exists (
            select from pg_proc same
            where same.pronamespace = n.oid and same.proname = g.object_name
              and oidvectortypes(same.proargtypes) = g.argument_types
          )
        )
      union all
      select format('table %s', c.oid::regclass), c.relacl
      from pg_class c
      where g.kind = 'table' and c.relnamespace = n.oid and c.relname = g.object_name
      union all
      select format('table %s', c.oid::regclass), a.attacl
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attname = g.column_name and not a.attisdropped
      where g.kind = 'column' and c.relnamespace = n.oid and c.relname = g.object_name
    ) o
    where not exists (
      select from aclexplode(o.acl) a
      where a.grantee = r.oid and a.privilege_type = g.privilege and (a.is_grantable or not g.is_grantable)
    )
  loop
    execute v_statement;
  end loop;
end
$$;
