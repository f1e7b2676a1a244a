import { migrate, type MigrateResult } from "@postkit/core";
import { withDatabase } from "../connect.ts";
import { exitCodes, type ExitCode } from "../exit-codes.ts";
import { selectModules } from "../find-modules.ts";
import { migrationProgress } from "../migration-progress.ts";
import type { DatabaseOptions, StepOptions } from "../options.ts";
import { plural, printJson, say } from "../output.ts";
import { stepTable } from "../step-table.ts";

export interface UpOptions extends DatabaseOptions, StepOptions {
  grantTo?: string[];
  dryRun?: boolean;
  lockTimeout?: number;
  allowAhead?: boolean;
}

/** Applies what is pending. */
export async function up(options: UpOptions): Promise<ExitCode> {
  const { to, count, dryRun, allowAhead, grantTo, lockTimeout: lockTimeoutMs } = options;
  const modules = await selectModules(options.module);
  const result = await withDatabase(options, async (client) => {
    using progress = migrationProgress();
    const { onStep } = progress;
    return await migrate(client, {
      modules,
      to,
      count,
      dryRun,
      allowAhead,
      grantTo,
      lockTimeoutMs,
      onStep,
    });
  });
  if (options.json) printJson(result);
  else sayResult(result, grantTo ?? []);
  return exitCodes.ok;
}

function sayResult({ steps, dryRun }: MigrateResult, grantTo: readonly string[]): void {
  if (steps.length === 0) say("Up to date: nothing is pending.");
  else
    say(
      `${stepTable(steps)}\n${dryRun ? "Would apply" : "Applied"} ${plural(steps.length, "step")}.`,
    );
  if (grantTo.length > 0 && !dryRun) say(`Access is given to ${grantTo.join(", ")}.`);
}
