import type pg from "pg";

/** Everything a database holds beyond what a new one has, by name: schemas, relations, columns, routines, privileges. */
export async function catalogOf(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(catalogQuery);
  return rows.map(({ line }) => line);
}

const catalogQuery = `
  with s as (
    select n.oid, n.nspname, n.nspacl, n.nspowner from pg_namespace n
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  )
  select format('schema %s %s', s.nspname, s.nspacl) as line from s
  union all
  select format('relation %s.%s %s rls %s/%s %s', s.nspname, c.relname, c.relkind, c.relrowsecurity,
    c.relforcerowsecurity, (select array_agg(a::text order by a::text) from unnest(c.relacl) a))
  from pg_class c join s on s.oid = c.relnamespace
  union all
  select format('column %s.%s.%s %s %s %s', s.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'v')
  join s on s.oid = c.relnamespace
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attnum > 0 and not a.attisdropped
  union all
  select format('index %s', i.indexdef) from pg_indexes i join s on s.nspname = i.schemaname
  union all
  select format('constraint %s.%s %s', s.nspname, k.conname, pg_get_constraintdef(k.oid))
  from pg_constraint k join s on s.oid = k.connamespace
  union all
  select format('routine %s.%s(%s) %s %s', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid),
    md5(pg_get_functiondef(p.oid)), (select array_agg(a::text order by a::text) from unnest(p.proacl) a))
  from pg_proc p join s on s.oid = p.pronamespace
  union all
  select format('trigger %s.%s %s', s.nspname, c.relname, pg_get_triggerdef(t.oid))
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join s on s.oid = c.relnamespace where not t.tgisinternal
  union all
  select format('policy %s.%s %s %s %s', p.schemaname, p.tablename, p.policyname, p.qual, p.with_check)
  from pg_policies p join s on s.nspname = p.schemaname
  order by 1`;

export async function schemasOf(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    "select nspname as name from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public') order by 1",
  );
  return rows.map(({ name }) => name);
}

/** Names of the module's applied steps in the order of the log, each as often as it was logged. */
export async function loggedSteps(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(
    "select format('%s %s %s', module, name, direction) as line from postkit.migration_log order by id",
  );
  return rows.map(({ line }) => line);
}
