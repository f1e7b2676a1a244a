import { grantRole, revokeRole, type GrantKind } from "@postkit/core";
import { usageError } from "../cli-error.ts";
import { withDatabase } from "../connect.ts";
import { exitCodes, type ExitCode } from "../exit-codes.ts";
import type { DatabaseOptions } from "../options.ts";
import { printJson, say } from "../output.ts";

export interface GrantOptions extends DatabaseOptions {
  worker?: boolean;
  maintenance?: boolean;
  revoke?: boolean;
  lockTimeout?: number;
}

/** Gives a role access to the installed modules, or takes it back. */
export async function grant(role: string, options: GrantOptions): Promise<ExitCode> {
  const { worker, maintenance, revoke } = options;
  if (revoke && (worker || maintenance)) {
    throw usageError("--revoke takes back everything: leave out --worker and --maintenance");
  }
  const change = revoke ? takeBack : give;
  await change(role, options);
  return exitCodes.ok;
}

async function give(role: string, options: GrantOptions): Promise<void> {
  const kinds = kindsOf(options);
  await withDatabase(options, (client) =>
    grantRole(client, { role, kinds, lockTimeoutMs: options.lockTimeout }),
  );
  if (options.json) printJson({ role, kinds });
  else say(`${role} may now use the installed modules: ${kinds.join(", ")}.`);
}

function kindsOf({ worker = false, maintenance = false }: GrantOptions): GrantKind[] {
  const kinds: GrantKind[] = ["app"];
  if (worker) kinds.push("worker");
  if (maintenance) kinds.push("maintenance");
  return kinds;
}

async function takeBack(role: string, options: GrantOptions): Promise<void> {
  const revoked = await withDatabase(options, (client) =>
    revokeRole(client, { role, lockTimeoutMs: options.lockTimeout }),
  );
  if (options.json) printJson({ role, revoked });
  else say(revoked ? `${role} may no longer use the modules.` : `${role} had been given nothing.`);
}
