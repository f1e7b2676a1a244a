import { migrate, plan, type MigrateResult, type PlanItem } from "@postkit/core";
import type { Client } from "pg";
import { CliError, usageError } from "../cli-error.ts";
import { canAsk, confirm } from "../confirm.ts";
import { withDatabase } from "../connect.ts";
import { exitCodes, type ExitCode } from "../exit-codes.ts";
import { selectModules } from "../find-modules.ts";
import { migrationProgress } from "../migration-progress.ts";
import type { DatabaseOptions, StepOptions } from "../options.ts";
import { colors, plural, printJson, say } from "../output.ts";
import { stepTable } from "../step-table.ts";

export interface DownOptions extends DatabaseOptions, StepOptions {
  yes?: boolean;
  dryRun?: boolean;
  lockTimeout?: number;
  allowAhead?: boolean;
}

/** Takes steps back: one of one named module unless told otherwise. */
export async function down(options: DownOptions): Promise<ExitCode> {
  requireExtent(options);
  const modules = await selectModules(options.module);
  const { to, count, dryRun, allowAhead, lockTimeout: lockTimeoutMs } = options;
  const steps = { modules, direction: "down", to, count, allowAhead } as const;
  const result = await withDatabase(options, async (client) => {
    const allowDataLoss = dryRun || options.yes || (await mayDestroy(client, steps));
    using progress = migrationProgress();
    return await migrate(client, {
      ...steps,
      dryRun,
      lockTimeoutMs,
      allowDataLoss,
      onStep: progress.onStep,
    });
  });
  if (options.json) printJson(result);
  else sayResult(result);
  return exitCodes.ok;
}

/** Nobody takes a module down by having installed only one. */
function requireExtent({ module = [], to, count }: DownOptions): void {
  if (module.length === 1) return;
  if (to !== undefined)
    throw usageError("--to needs the one module that is to go down: --module <name>");
  if (count === undefined) {
    throw usageError(
      "name the one module that is to go down with --module <name>, or give a --count for each module",
    );
  }
}

/** Asks when a step destroys data and there is someone to ask; otherwise `migrate()` refuses it by itself. */
async function mayDestroy(client: Client, steps: Parameters<typeof plan>[1]): Promise<boolean> {
  if (!canAsk()) return false;
  const destructive = (await plan(client, steps)).filter(({ destroys }) => destroys !== undefined);
  if (destructive.length === 0) return false;
  sayLoss(destructive);
  if (await confirm("Destroy this data?")) return true;
  throw new CliError("BIZ_CANCELLED", "cancelled; nothing was changed");
}

function sayLoss(steps: readonly PlanItem[]): void {
  for (const { file, destroys } of steps)
    say(`${colors.yellow("warning:")} ${file} destroys ${destroys}`);
}

function sayResult({ steps, dryRun }: MigrateResult): void {
  if (steps.length === 0) say("Nothing to take back.");
  else
    say(
      `${stepTable(steps)}\n${dryRun ? "Would take back" : "Took back"} ${plural(steps.length, "step")}.`,
    );
}
