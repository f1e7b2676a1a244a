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

/**
 * What people gave roles by hand, beyond the recorded grants, for {@link resetPrivileges} to give it back to objects
 * that a step drops and makes again. Asked before the steps, when the recorded grants still mean what they meant.
 */
export async function savePrivileges(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ saved: string }>(
    "select postkit._save_privileges()::text as saved",
  );
  return rows[0]?.saved ?? "[]";
}

/** Makes privileges what the recorded grants say now, and gives back what was saved. */
export async function resetPrivileges(client: ClientBase, saved: string): Promise<void> {
  await client.query("select postkit._reset_privileges()");
  await client.query("select postkit._restore_privileges($1)", [saved]);
}
