import type pg from "pg";

export interface TestRole {
  readonly name: string;
  readonly password: string;
}

/** Owns the test databases and all that is in them, as on a managed PostgreSQL: no superuser, bound by RLS. */
export const ownerRole: TestRole = { name: "postkit_owner", password: "postkit_owner" };
/** The application's: owns nothing, may do what it was granted. */
export const appRole: TestRole = { name: "postkit_app", password: "postkit_app" };

/** Roles belong to the whole server, so that several test files make them at once: the caller holds a lock. */
export async function ensureRoles(client: pg.Client): Promise<void> {
  for (const { name, password } of [ownerRole, appRole]) {
    const { rowCount } = await client.query("select from pg_roles where rolname = $1", [name]);
    if (rowCount) continue;
    await client.query(
      `create role ${client.escapeIdentifier(name)} login nosuperuser nobypassrls nocreaterole nocreatedb ` +
        `password ${client.escapeLiteral(password)}`,
    );
  }
}

/** The URL of one database for one role on the server of another URL. */
export function urlFor(
  serverUrl: string,
  { database, role }: { database: string; role?: TestRole },
): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  if (role) {
    url.username = role.name;
    url.password = role.password;
  }
  return url.href;
}
