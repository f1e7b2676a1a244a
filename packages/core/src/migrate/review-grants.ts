import type { ClientBase } from "pg";
import { withClient, type MigrationTarget } from "./connect.ts";
import type { GrantKind } from "./grants.ts";
import { lockedTransaction } from "./lock.ts";

/** What is recorded of the grants to roles, and what of it no longer holds. */
export interface GrantReview {
  readonly roles: readonly GrantedRole[];
  readonly lost: readonly LostGrant[];
}

export interface GrantedRole {
  readonly role: string;
  readonly kinds: readonly GrantKind[];
  /** False for a role that was dropped. */
  readonly exists: boolean;
}

/** A privilege that a recorded role should have and has not. */
export interface LostGrant {
  readonly role: string;
  readonly privilege: string;
  /** For people: `function authz.check`, `table authz.tuples`, `column authz.tuples.expires_at`, `schema authz`. */
  readonly object: string;
}

const lockTimeoutMs = 2_000;

/**
 * Tells which roles were granted access and what they have lost since, as when a function was dropped and made again
 * by hand: it applies the recorded grants once more, compares, and rolls that back. For the role that owns the schemas.
 *
 * @throws `core.MIG_LOCK_TIMEOUT` when another process migrates
 */
export async function reviewGrants(target: MigrationTarget): Promise<GrantReview> {
  return withClient(target, (client) =>
    lockedTransaction(client, { lockTimeoutMs }, async () => {
      const { rows: roles } = await client.query<GrantedRole>(rolesQuery);
      await client.query("savepoint as_found");
      const before = new Set((await readPrivilegesOfRoles(client)).map(keyOf));
      await client.query("select postkit.reapply_grants()");
      const after = await readPrivilegesOfRoles(client);
      await client.query("rollback to savepoint as_found");
      return { roles, lost: after.filter((grant) => !before.has(keyOf(grant))) };
    }),
  );
}

function keyOf({ role, privilege, object }: LostGrant): string {
  return JSON.stringify([role, privilege, object]);
}

async function readPrivilegesOfRoles(client: ClientBase): Promise<LostGrant[]> {
  const { rows } = await client.query<LostGrant>(privilegesQuery);
  return rows;
}

const rolesQuery = `
  select g.role_name as role, pg_catalog.array_agg(g.kind order by g.kind) as kinds, r.oid is not null as "exists"
  from postkit.grants g
  left join pg_catalog.pg_roles r on r.rolname = g.role_name
  group by g.role_name, r.oid
  order by g.role_name`;

const privilegesQuery = `
  select r.rolname::text as role, pg_catalog.lower(a.privilege_type) as privilege, o.object
  from (
    select n.oid, n.nspname, n.nspacl
    from pg_catalog.pg_namespace n
    where n.nspname = 'postkit' or n.nspname in (select v.module from postkit.schema_versions v)
  ) n
  cross join lateral (
    select pg_catalog.format('schema %s', n.nspname) as object, n.nspacl as acl
    union all
    select pg_catalog.format('function %s.%s', n.nspname, p.proname), p.proacl
    from pg_catalog.pg_proc p
    where p.pronamespace = n.oid
    union all
    select pg_catalog.format('table %s.%s', n.nspname, c.relname), c.relacl
    from pg_catalog.pg_class c
    where c.relnamespace = n.oid
    union all
    select pg_catalog.format('column %s.%s.%s', n.nspname, c.relname, t.attname), t.attacl
    from pg_catalog.pg_class c
    join pg_catalog.pg_attribute t on t.attrelid = c.oid and not t.attisdropped
    where c.relnamespace = n.oid
  ) o
  cross join lateral pg_catalog.aclexplode(o.acl) a
  join pg_catalog.pg_roles r on r.oid = a.grantee
  where r.rolname in (select g.role_name from postkit.grants g)
  group by 1, 2, 3
  order by 1, 3, 2`;
