import { coreError, sqlstateOf } from "../errors.ts";
import { withClient, type MigrationTarget } from "./connect.ts";
import type { GrantKind } from "./grants.ts";
import { lockedTransaction } from "./lock.ts";
import { defaultLockTimeoutMs } from "./migrate.ts";
import { readState } from "./state.ts";

export interface GrantRoleOptions {
  /** Longest wait in milliseconds while another process migrates. @defaultValue 60000 */
  lockTimeoutMs?: number | undefined;
}

/**
 * Lets a role use the installed modules, now and after every later migration.
 *
 * @example
 * await grantRole(process.env.DATABASE_URL, { role: "my_app", kinds: ["app"] });
 *
 * @throws `core.MIG_NOT_INSTALLED` when there is nothing to give access to
 * @throws `core.BIZ_ROLE_UNKNOWN` when there is no such role
 * @throws `core.MIG_NOT_PERMITTED` when the connection's role does not own the schemas
 */
export async function grantRole(
  target: MigrationTarget,
  { role, kinds, ...options }: GrantRoleOptions & { role: string; kinds: readonly GrantKind[] },
): Promise<void> {
  await changeGrants(target, options, async (query) => {
    for (const kind of kinds) await query("select postkit.grant_role($1, $2)", [role, kind]);
  });
}

/**
 * Takes back all that {@link grantRole} gave a role; false when nothing was recorded for it.
 *
 * @throws `core.MIG_NOT_INSTALLED` when there is nothing to take back
 * @throws `core.MIG_NOT_PERMITTED` when the connection's role does not own the schemas
 */
export async function revokeRole(
  target: MigrationTarget,
  { role, ...options }: GrantRoleOptions & { role: string },
): Promise<boolean> {
  return changeGrants(target, options, async (query) => {
    const [row] = await query("select postkit.revoke_role($1) as revoked", [role]);
    return row?.revoked === true;
  });
}

type Query = (text: string, values: unknown[]) => Promise<Record<string, unknown>[]>;

/** Under the migration lock, since a migration applies the recorded grants again. */
async function changeGrants<T>(
  target: MigrationTarget,
  { lockTimeoutMs = defaultLockTimeoutMs }: GrantRoleOptions,
  change: (query: Query) => Promise<T>,
): Promise<T> {
  return withClient(target, async (client) => {
    const { coreVersion } = await readState(client, []);
    if (coreVersion === undefined) {
      throw coreError(
        "MIG_NOT_INSTALLED",
        "no module is installed in this database: migrate it first",
      );
    }
    const query: Query = async (text, values) =>
      (await client.query<Record<string, unknown>>(text, values)).rows;
    return lockedTransaction(client, { lockTimeoutMs }, () => change(query)).catch(
      (error: unknown) => {
        throw sqlstateOf(error) === "42501" ? notPermitted(error) : error;
      },
    );
  });
}

function notPermitted(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  return coreError(
    "MIG_NOT_PERMITTED",
    `this role may not change grants, only the owner of the schemas may: ${message}`,
    {
      cause: error,
    },
  );
}
