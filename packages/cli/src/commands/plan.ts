import { plan as readPlan } from "@postkit/core";
import { withDatabase } from "../connect.ts";
import { exitCodes, type ExitCode } from "../exit-codes.ts";
import { selectModules } from "../find-modules.ts";
import type { DatabaseOptions, StepOptions } from "../options.ts";
import { plural, printJson, say } from "../output.ts";
import { stepTable } from "../step-table.ts";

export interface PlanOptions extends DatabaseOptions, StepOptions {
  check?: boolean;
  allowAhead?: boolean;
}

/** Lists what `up` with the same options would apply. */
export async function plan(options: PlanOptions): Promise<ExitCode> {
  const { to, count, allowAhead, check, json } = options;
  const modules = await selectModules(options.module);
  const steps = await withDatabase(options, (client) =>
    readPlan(client, { modules, to, count, allowAhead }),
  );
  if (json) printJson({ steps });
  else if (steps.length === 0) say("Nothing is pending.");
  else say(`${stepTable(steps)}\n${plural(steps.length, "step")} pending.`);
  return check && steps.length > 0 ? exitCodes.pending : exitCodes.ok;
}
