import { isPostkitError, type PostkitError } from "../errors.ts";
import { modulesOf, type ModuleSet, type PostkitModule } from "../module.ts";
import { readOnly, withClient, type MigrationTarget } from "./connect.ts";
import { stepsOf, type Step } from "./history.ts";
import { migrate, type MigrateResult, type PlanOptions } from "./migrate.ts";
import { compare } from "./plan.ts";
import { readState, type AppliedStep, type State } from "./state.ts";

/** A module's state in one database. */
export interface ModuleStatus {
  readonly module: string;
  readonly state: "up-to-date" | "pending" | "drift" | "ahead" | "foreign";
  /** The newest applied step. */
  readonly version: string | undefined;
  readonly applied: readonly AppliedStep[];
  /** Names of the steps that `migrate()` would apply. */
  readonly pending: readonly string[];
  /** What is wrong and what to do, for drift, ahead and foreign. */
  readonly problem: string | undefined;
}

const stateOfProblem: Readonly<Record<string, ModuleStatus["state"]>> = {
  MIG_DRIFT: "drift",
  MIG_AHEAD: "ahead",
  MIG_SCHEMA_FOREIGN: "foreign",
};

/** Tells how the database and the modules' histories relate; reads only, in a read-only transaction. */
export async function status(
  target: MigrationTarget,
  options: { modules: ModuleSet },
): Promise<ModuleStatus[]> {
  const modules = modulesOf(options.modules);
  return withClient(target, (client) =>
    readOnly(client, async () => {
      const state = await readState(
        client,
        modules.map(({ name }) => name),
      );
      return modules.map((module) => moduleStatus(module, state));
    }),
  );
}

function moduleStatus(module: PostkitModule, database: State): ModuleStatus {
  const { steps, edited } = readSteps(module);
  const comparison = compare(module.name, steps, database, false);
  const problem = edited ?? comparison.problem;
  const pending = comparison.pending.map(({ name }) => name);
  return {
    module: module.name,
    state: problem
      ? (stateOfProblem[problem.code] ?? "drift")
      : pending.length > 0
        ? "pending"
        : "up-to-date",
    version: comparison.applied.at(-1)?.name,
    applied: comparison.applied,
    pending,
    problem: problem?.message,
  };
}

/** An edited file of one package must not hide the state of the others. */
function readSteps(module: PostkitModule): { steps: readonly Step[]; edited?: PostkitError } {
  try {
    return { steps: stepsOf(module) };
  } catch (error) {
    if (isPostkitError(error, "core.MIG_DRIFT")) return { steps: [], edited: error };
    throw error;
  }
}

/** Tells which steps a call of {@link migrate} with these options would run; reads only. */
export async function plan(
  target: MigrationTarget,
  options: PlanOptions,
): Promise<MigrateResult["steps"]> {
  const { steps } = await migrate(target, { ...options, dryRun: true });
  return steps;
}
