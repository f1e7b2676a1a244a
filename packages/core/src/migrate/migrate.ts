import type { ClientBase } from "pg";
import { coreError } from "../errors.ts";
import { modulesOf, type ModuleSet } from "../module.ts";
import { applyStep, ensureCoreSchema, type AppliedResult } from "./apply.ts";
import { readOnly, withClient, type MigrationTarget } from "./connect.ts";
import {
  missingGrants,
  recordGrants,
  resetPrivileges,
  savePrivileges,
  type GrantTo,
} from "./grants.ts";
import { fileOf, stepsOf, type Step } from "./history.ts";
import { lockedTransaction } from "./lock.ts";
import { compare, selectSteps, type PlannedStep } from "./plan.ts";
import { readState, type State } from "./state.ts";
import { coreSchemaVersion } from "./version.ts";

export const defaultLockTimeoutMs = 60_000;

/** Which steps to run. */
export interface PlanOptions {
  /** The modules whose histories the code knows. */
  modules: ModuleSet;
  /** Only these of them, by name. @defaultValue all */
  only?: readonly string[] | undefined;
  /** @defaultValue `"up"` */
  direction?: "up" | "down" | undefined;
  /**
   * Up: the last step to apply. Down: the last step to keep, `"0"` for none. A name or a number; names one module.
   */
  to?: string | undefined;
  /** Most steps a module. @defaultValue all of them up, one down */
  count?: number | undefined;
  /** Accept a database that has steps this code does not know, as during a rolling deployment. @defaultValue false */
  allowAhead?: boolean | undefined;
}

export interface MigrateOptions extends PlanOptions {
  /** Tell what would run and write nothing. @defaultValue false */
  dryRun?: boolean | undefined;
  /** Longest wait in milliseconds while another process migrates. @defaultValue 60000 */
  lockTimeoutMs?: number | undefined;
  /** Roles to give access to, recorded and applied again after every later migration. */
  grantTo?: readonly GrantTo[] | undefined;
  /** Allow a step down whose file says that it destroys data. @defaultValue false */
  allowDataLoss?: boolean | undefined;
  /** Told before each step, for a progress line. */
  onStep?:
    | ((step: {
        module: string;
        name: string;
        direction: "up" | "down";
        index: number;
        total: number;
      }) => void)
    | undefined;
}

/** A step that will run. */
export interface PlanItem {
  readonly module: string;
  readonly name: string;
  readonly direction: "up" | "down";
  readonly file: string;
  /** What the step destroys, for a step down that says so. */
  readonly destroys?: string;
}

export interface MigrateResult {
  readonly dryRun: boolean;
  /** What ran, or with `dryRun` would run, in order. */
  readonly steps: readonly (PlanItem & { readonly durationMs?: number })[];
}

/**
 * Brings the schemas of modules up to date, or takes steps back. Everything of one call is one transaction: a
 * failure leaves the database as it was. When nothing is to be done it only reads, so an application role without
 * CREATE may call it at every start; when many processes call it at once, one migrates and the others wait.
 *
 * @example
 * await migrate(process.env.DATABASE_URL, { modules: [authz], grantTo: ["my_app"] });
 *
 * @throws `core.MIG_FAILED` a step failed; names module and file, with PostgreSQL's message
 * @throws `core.MIG_DRIFT` a file was edited after it was applied, or a step is missing between applied ones
 * @throws `core.MIG_AHEAD` the database is newer than this code
 * @throws `core.MIG_SCHEMA_FOREIGN` a schema of a module's name exists that these migrations did not make
 * @throws `core.MIG_LOCK_TIMEOUT` another process held the lock too long; names it
 * @throws `core.MIG_DATA_LOSS` a step down destroys data and `allowDataLoss` was not given
 * @throws `core.MIG_NOT_PERMITTED` the role may not read the bookkeeping or may not migrate
 * @throws `core.MIG_ENCODING` the database is not in UTF8
 */
export async function migrate(
  target: MigrationTarget,
  options: MigrateOptions,
): Promise<MigrateResult> {
  const work = prepare(options);
  return withClient(target, async (client) => {
    const first = await readOnly(client, () => readState(client, work.names));
    const planned = planSteps(work, first);
    if (planned.length > 0) assertUtf8(first);
    if (options.dryRun === true) return { dryRun: true, steps: planned.map(planItem) };
    if (isUpToDate(work, first, planned)) return { dryRun: false, steps: [] };
    assertPermitted(first, planned);
    const { lockTimeoutMs = defaultLockTimeoutMs } = options;
    return lockedTransaction(client, { lockTimeoutMs, modules: work.names }, () =>
      run(client, work),
    );
  });
}

/** A call's options, checked and with their histories read. */
interface Work {
  readonly options: MigrateOptions;
  readonly names: readonly string[];
  readonly histories: ReadonlyMap<string, readonly Step[]>;
}

function prepare(options: MigrateOptions): Work {
  const { only, direction = "up", to, count } = options;
  const modules = modulesOf(options.modules);
  const unknown = only?.find((name) => !modules.some((module) => module.name === name));
  if (unknown !== undefined)
    throw coreError("VAL_ARGUMENT", `no module ${unknown} among those given`);
  if (count !== undefined && !(count === Infinity || (Number.isInteger(count) && count > 0))) {
    throw coreError("VAL_ARGUMENT", "count must be a positive whole number or Infinity");
  }
  const selected = modules.filter((module) => only === undefined || only.includes(module.name));
  const isVague = direction === "down" ? count === undefined || to !== undefined : to !== undefined;
  if (isVague && selected.length > 1) {
    throw coreError(
      "VAL_ARGUMENT",
      `name the one module that is to go ${direction}, or give a count`,
    );
  }
  const histories = new Map(selected.map((module) => [module.name, stepsOf(module)]));
  return { options, histories, names: [...histories.keys()] };
}

function planSteps({ options, histories }: Work, state: State): PlannedStep[] {
  const { direction = "up", to, count, allowAhead = false } = options;
  const comparisons = [...histories].map(([name, steps]) =>
    compare(name, steps, state, allowAhead),
  );
  for (const { problem } of comparisons) if (problem !== undefined) throw problem;
  if (direction === "down") comparisons.reverse();
  return comparisons.flatMap((comparison) => selectSteps(comparison, { direction, to, count }));
}

function isUpToDate({ options }: Work, state: State, planned: readonly PlannedStep[]): boolean {
  if (planned.length > 0 || missingGrants(options.grantTo ?? [], state).length > 0) return false;
  return options.direction === "down" || (state.coreVersion ?? 0) >= coreSchemaVersion;
}

/** Under the lock: whoever held it before may have done the work already, so the state is read again. */
async function run(client: ClientBase, work: Work): Promise<MigrateResult> {
  const { options, names } = work;
  const state = await readState(client, names);
  const planned = planSteps(work, state);
  assertDataLossAllowed(planned, options.allowDataLoss ?? false);
  await ensureCoreSchema(client, state.coreVersion);
  const saved = await savePrivileges(client);
  const results: AppliedResult[] = [];
  for (const [index, item] of planned.entries()) {
    const { module, name } = item.step;
    options.onStep?.({ module, name, direction: item.direction, index, total: planned.length });
    results.push(await applyStep(client, item));
  }
  await recordGrants(client, missingGrants(options.grantTo ?? [], state));
  await resetPrivileges(client, saved);
  return {
    dryRun: false,
    steps: planned.map((item, index) => ({
      ...planItem(item),
      durationMs: results[index]?.durationMs ?? 0,
    })),
  };
}

function planItem({ step, direction }: PlannedStep): PlanItem {
  const { module, name, destroys } = step;
  const item = { module, name, direction, file: fileOf(step, direction) };
  return direction === "down" && destroys !== undefined ? { ...item, destroys } : item;
}

function assertDataLossAllowed(planned: readonly PlannedStep[], isAllowed: boolean): void {
  const destructive = planned.find(
    ({ step, direction }) => direction === "down" && step.destroys !== undefined,
  );
  if (destructive === undefined || isAllowed) return;
  const { step } = destructive;
  throw coreError(
    "MIG_DATA_LOSS",
    `${fileOf(step, "down")} destroys data: ${step.destroys}. Allow it explicitly to go on`,
    {
      detail: { module: step.module, file: fileOf(step, "down"), destroys: step.destroys },
    },
  );
}

/** The text of a step could not even be sent. */
function assertUtf8({ encoding }: State): void {
  if (encoding === "UTF8") return;
  throw coreError(
    "MIG_ENCODING",
    `the database must be in UTF8, and this one is in ${encoding}: make one with create database … encoding 'UTF8' template template0`,
    { detail: { encoding } },
  );
}

/** A role that may not migrate learns what there is to do, and that another role has to. */
function assertPermitted({ mayMigrate }: State, planned: readonly PlannedStep[]): void {
  if (mayMigrate) return;
  const pending = planned.map(({ step, direction }) => fileOf(step, direction)).join(", ");
  throw coreError(
    "MIG_NOT_PERMITTED",
    `this role may not migrate; pending: ${pending || "core's own schema or grants"}. Migrate as the owner of the schemas`,
    { detail: { pending: planned.map(planItem) } },
  );
}
