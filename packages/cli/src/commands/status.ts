import { status as readStatus, type ModuleStatus } from "@postkit/core";
import { withDatabase } from "../connect.ts";
import { exitCodes, type ExitCode } from "../exit-codes.ts";
import { selectModules } from "../find-modules.ts";
import type { DatabaseOptions, ModuleOptions } from "../options.ts";
import { colors, plural, printJson, say, table } from "../output.ts";

export interface StatusOptions extends DatabaseOptions, ModuleOptions {
  check?: boolean;
  allowAhead?: boolean;
}

/** Tells how the database and the modules of the project relate. */
export async function status(options: StatusOptions): Promise<ExitCode> {
  const modules = await selectModules(options.module);
  const statuses = await withDatabase(options, (client) => readStatus(client, { modules }));
  if (options.json) printJson({ modules: statuses });
  else sayStatus(statuses);
  return exitCodeOfStatus(statuses, options);
}

function sayStatus(statuses: readonly ModuleStatus[]): void {
  const rows = statuses.map(({ module, state, version, applied, pending }) => [
    module,
    stateText(state),
    version ?? "-",
    String(applied.length),
    String(pending.length),
  ]);
  say(table(["module", "state", "version", "applied", "pending"], rows));
  for (const { problem } of statuses)
    if (problem !== undefined) say(`${colors.red("problem:")} ${problem}`);
  const pendingCount = statuses.reduce((sum, { pending }) => sum + pending.length, 0);
  if (pendingCount > 0)
    say(`${plural(pendingCount, "step")} pending; \`postkit migrate up\` applies what is pending.`);
}

function stateText(state: ModuleStatus["state"]): string {
  return state === "up-to-date" ? "up to date" : state;
}

/** The worst first: drift, then ahead, a foreign schema, and pending only where it was asked for. */
function exitCodeOfStatus(
  statuses: readonly ModuleStatus[],
  { check, allowAhead }: StatusOptions,
): ExitCode {
  const isAny = (state: ModuleStatus["state"]) => statuses.some((one) => one.state === state);
  if (isAny("drift")) return exitCodes.drift;
  if (isAny("ahead") && !allowAhead) return exitCodes.ahead;
  if (isAny("foreign")) return exitCodes.failure;
  return check && statuses.some(({ pending }) => pending.length > 0)
    ? exitCodes.pending
    : exitCodes.ok;
}
