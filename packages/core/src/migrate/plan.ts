import { coreError, type PostkitError } from "../errors.ts";
import { fileOf, type Step } from "./history.ts";
import type { AppliedStep, State } from "./state.ts";

/** How a module's history in the code and in the database relate. */
export interface Comparison {
  readonly module: string;
  readonly steps: readonly Step[];
  readonly applied: readonly AppliedStep[];
  readonly pending: readonly Step[];
  /** Why nothing may run, when something is wrong. */
  readonly problem: PostkitError | undefined;
}

export interface Selection {
  readonly direction: "up" | "down";
  /** Last step to apply, or the last one to keep on the way down; `"0"` keeps none. */
  readonly to: string | undefined;
  readonly count: number | undefined;
}

export interface PlannedStep {
  readonly step: Step;
  readonly direction: "up" | "down";
}

export function compare(
  module: string,
  steps: readonly Step[],
  state: State,
  allowAhead: boolean,
): Comparison {
  const applied = state.applied.filter((step) => step.module === module);
  const known = new Map(steps.map((step) => [step.name, step]));
  const problem =
    foreignSchema(module, applied, state) ??
    lostSchema(module, applied, state) ??
    editedStep(applied, known) ??
    (allowAhead ? undefined : unknownStep(applied, known)) ??
    missingStep(applied, steps);
  const names = new Set(applied.map((step) => step.name));
  return {
    module,
    steps,
    applied,
    pending: steps.filter((step) => !names.has(step.name)),
    problem,
  };
}

/**
 * The steps to run for one module.
 *
 * @throws `core.MIG_STEP_UNKNOWN` when `to` names no step
 */
export function selectSteps(
  comparison: Comparison,
  { direction, to, count }: Selection,
): PlannedStep[] {
  const { module, steps, applied, pending } = comparison;
  const limit = to === undefined ? undefined : stepNumber(module, steps, to);
  if (direction === "up") {
    return pending
      .filter((step) => limit === undefined || numberOf(step) <= limit)
      .slice(0, count ?? Infinity)
      .map((step) => ({ step, direction }));
  }
  const byName = new Map(steps.map((step) => [step.name, step]));
  return applied
    .toReversed()
    .filter((step) => limit === undefined || numberOf(step) > limit)
    .slice(0, count ?? (limit === undefined ? 1 : Infinity))
    .map(({ name }) => ({ step: knownStep(module, name, byName), direction }));
}

function knownStep(module: string, name: string, byName: ReadonlyMap<string, Step>): Step {
  const step = byName.get(name);
  if (step === undefined) throw aheadError(module, [name]);
  return step;
}

function numberOf(step: { name: string }): number {
  return Number(step.name.slice(0, 4));
}

function stepNumber(module: string, steps: readonly Step[], to: string): number {
  const number = /^\d{1,4}$/.test(to)
    ? Number(to)
    : steps.findIndex((step) => step.name === to) + 1 || undefined;
  if (number === undefined || number > steps.length) {
    throw coreError(
      "MIG_STEP_UNKNOWN",
      `${module} has no step ${to}; the newest is ${steps.at(-1)?.name ?? "none"}`,
    );
  }
  return number;
}

function foreignSchema(
  module: string,
  applied: readonly AppliedStep[],
  state: State,
): PostkitError | undefined {
  if (applied.length > 0 || !state.occupied.has(module)) return undefined;
  return coreError(
    "MIG_SCHEMA_FOREIGN",
    `a schema ${module} exists that was not made by these migrations: rename it (alter schema ${module} rename to …) before you migrate`,
    { detail: { module, schema: module } },
  );
}

function lostSchema(
  module: string,
  applied: readonly AppliedStep[],
  state: State,
): PostkitError | undefined {
  if (applied.length === 0 || state.schemas.has(module)) return undefined;
  return coreError(
    "MIG_DRIFT",
    `the schema ${module} is gone although its steps are recorded: restore it, or forget them with ` +
      `"delete from postkit.migration_log where module = '${module}'; truncate postkit.${module}_migrations"`,
    { detail: { module, schema: module } },
  );
}

function editedStep(
  applied: readonly AppliedStep[],
  known: ReadonlyMap<string, Step>,
): PostkitError | undefined {
  for (const step of applied) {
    const current = known.get(step.name);
    if (current === undefined) continue;
    for (const direction of ["up", "down"] as const) {
      if (current[`${direction}Checksum`] === step[`${direction}Checksum`]) continue;
      const file = fileOf(step, direction);
      return coreError(
        "MIG_DRIFT",
        `${file} was edited after it was applied to this database on ${step.appliedAt.toISOString()}`,
        {
          detail: { module: step.module, file },
        },
      );
    }
  }
  return undefined;
}

function unknownStep(
  applied: readonly AppliedStep[],
  known: ReadonlyMap<string, Step>,
): PostkitError | undefined {
  const unknown = applied.filter((step) => !known.has(step.name));
  const [first] = unknown;
  return (
    first &&
    aheadError(
      first.module,
      unknown.map((step) => step.name),
    )
  );
}

function aheadError(module: string, names: readonly string[]): PostkitError {
  return coreError(
    "MIG_AHEAD",
    `the database is newer than this code: ${names.map((name) => fileOf({ module, name }, "up")).join(", ")} is not known here`,
    { detail: { module, steps: names, file: fileOf({ module, name: names[0] ?? "" }, "up") } },
  );
}

/** A step between applied ones that the database never saw: two branches were merged out of order. */
function missingStep(
  applied: readonly AppliedStep[],
  steps: readonly Step[],
): PostkitError | undefined {
  const names = new Set(applied.map((step) => step.name));
  const lastApplied = steps.findLastIndex((step) => names.has(step.name));
  const missing = steps.slice(0, Math.max(lastApplied, 0)).find((step) => !names.has(step.name));
  return (
    missing &&
    coreError(
      "MIG_DRIFT",
      `${fileOf(missing, "up")} was never applied to this database, but later steps were`,
      {
        detail: { module: missing.module, file: fileOf(missing, "up") },
      },
    )
  );
}
