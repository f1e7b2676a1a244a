import type { ClientBase } from "pg";
import type { State } from "./state.ts";

/** A role that is to use the modules; a bare name is an application role. */
export type GrantTo = string | { role: string; kinds: readonly GrantKind[] };

export type GrantKind = "app" | "worker" | "maintenance";

/** The asked grants that are not recorded yet. */
export function missingGrants(
  grantTo: readonly GrantTo[],
  state: State,
): { role: string; kind: GrantKind }[] {
  const recorded = new Set(state.grants.map(({ roleName, kind }) => `${kind} ${roleName}`));
  return grantTo
    .flatMap((grant) =>
      typeof grant === "string"
        ? [{ role: grant, kind: "app" as const }]
        : grant.kinds.map((kind) => ({ role: grant.role, kind })),
    )
    .filter(({ role, kind }) => !recorded.has(`${kind} ${role}`));
}

export async function recordGrants(
  client: ClientBase,
  grants: readonly { role: string; kind: GrantKind }[],
): Promise<void> {
  for (const { role, kind } of grants)
    await client.query("select postkit.grant_role($1, $2)", [role, kind]);
}

/** A privilege somebody gave by hand on an object of a module. */
interface ManualGrant {
  schema_name: string;
  kind: "function" | "relation" | "column";
  object_name: string;
  column_name: string | null;
  grantee: string;
  privilege: string;
  grantable: boolean;
}

/**
 * What people gave roles on a module's objects beyond its recorded grants, so that it can be given back to objects
 * that a step drops and makes again. Applies the recorded grants as they are before the steps, to tell the two apart.
 */
export async function privilegesByHand(
  client: ClientBase,
  modules: readonly string[],
): Promise<ManualGrant[]> {
  const all = await readPrivileges(client, modules);
  if (all.length === 0) return [];
  await client.query("select postkit.reapply_grants()");
  const { rows } = await client.query<{ role_name: string }>(
    "select distinct role_name from postkit.grants",
  );
  const recorded = new Set(rows.map(({ role_name }) => role_name));
  const granted = new Set(
    (await readPrivileges(client, modules)).map((grant) => JSON.stringify(grant)),
  );
  return all.filter((grant) => !recorded.has(grant.grantee) || !granted.has(JSON.stringify(grant)));
}

async function readPrivileges(
  client: ClientBase,
  modules: readonly string[],
): Promise<ManualGrant[]> {
  const { rows } = await client.query<ManualGrant>(`${privilegesQuery} order by 1, 2, 3, 4, 5, 6`, [
    modules,
  ]);
  return rows;
}

/** Gives back, by name, what was lost since `before` on objects that still exist. */
export async function restorePrivileges(
  client: ClientBase,
  before: readonly ManualGrant[],
): Promise<void> {
  if (before.length > 0) await client.query(restoreStatement(before));
}

const privilegesQuery = `
  select g.schema_name, g.kind, g.object_name, g.column_name, r.rolname::text as grantee, g.privilege, g.grantable
  from (
    select n.nspname::text as schema_name, 'function' as kind, p.proname::text as object_name,
      null as column_name, a.grantee, a.privilege_type as privilege, a.is_grantable as grantable, p.proowner as owner
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace, pg_catalog.aclexplode(p.proacl) a
    where n.nspname = any ($1)
    union all
    select n.nspname::text, 'relation', c.relname::text, null, a.grantee, a.privilege_type, a.is_grantable, c.relowner
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace, pg_catalog.aclexplode(c.relacl) a
    where n.nspname = any ($1)
    union all
    select n.nspname::text, 'column', c.relname::text, t.attname::text, a.grantee, a.privilege_type, a.is_grantable,
      c.relowner
    from pg_catalog.pg_attribute t
    join pg_catalog.pg_class c on c.oid = t.attrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace, pg_catalog.aclexplode(t.attacl) a
    where n.nspname = any ($1) and not t.attisdropped
  ) g
  join pg_catalog.pg_roles r on r.oid = g.grantee and g.grantee <> g.owner`;

/** One DO block that grants whatever of the list an existing object of that name does not have. */
function restoreStatement(before: readonly ManualGrant[]): string {
  const list = JSON.stringify(before).replaceAll("'", "''");
  return `
do $restore$
declare
  v_statement text;
begin
  for v_statement in
    select format('grant %s%s on %s to %I%s', g.privilege, ' (' || quote_ident(g.column_name) || ')', o.target, g.grantee,
      case when g.grantable then ' with grant option' else '' end)
    from jsonb_to_recordset('${list.replaceAll("$restore$", "")}') g
      (schema_name text, kind text, object_name text, column_name text, grantee text, privilege text, grantable boolean)
    join lateral (
      select format('routine %s', p.oid::regprocedure) as target, p.proacl as acl
      from pg_proc p
      where g.kind = 'function' and p.pronamespace = g.schema_name::regnamespace and p.proname = g.object_name
      union all
      select format('table %s', c.oid::regclass), c.relacl
      from pg_class c
      where g.kind = 'relation' and c.relnamespace = g.schema_name::regnamespace and c.relname = g.object_name
      union all
      select format('table %s', c.oid::regclass), t.attacl
      from pg_class c
      join pg_attribute t on t.attrelid = c.oid and t.attname = g.column_name and not t.attisdropped
      where g.kind = 'column' and c.relnamespace = g.schema_name::regnamespace and c.relname = g.object_name
    ) o on true
    join pg_roles r on r.rolname = g.grantee
    where exists (select from pg_namespace n where n.nspname = g.schema_name)
      and not exists (
        select from aclexplode(o.acl) a where a.grantee = r.oid and a.privilege_type = g.privilege
      )
  loop
    execute v_statement;
  end loop;
end
$restore$`;
}
