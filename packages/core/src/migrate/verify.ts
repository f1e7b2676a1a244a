import pg from "pg";
import { isPostkitError, type PostkitError } from "../errors.ts";
import { modulesOf, type ModuleSet, type PostkitModule } from "../module.ts";
import { readOnly, withClient, type MigrationTarget } from "./connect.ts";
import { stepsOf } from "./history.ts";
import { compare } from "./plan.ts";
import { readState, type State } from "./state.ts";

export interface VerifyOptions {
  modules: ModuleSet;
  /** Accept a database that has steps this code does not know. @defaultValue false */
  allowAhead?: boolean | undefined;
}

/** Something that is not as the migrations left it. */
export interface VerifyFinding {
  readonly code: "MIG_DRIFT" | "MIG_AHEAD" | "MIG_SCHEMA_FOREIGN";
  readonly message: string;
  /** The migration file concerned, where it is one. */
  readonly file: string | undefined;
}

export interface ModuleVerification {
  readonly module: string;
  readonly findings: readonly VerifyFinding[];
}

/**
 * Compares the files of each module, the log in the database, node-pg-migrate's table and the existence of the
 * schema; reads only, in a read-only transaction. Pending steps are no finding.
 */
export async function verify(
  target: MigrationTarget,
  options: VerifyOptions,
): Promise<ModuleVerification[]> {
  const { allowAhead = false } = options;
  const modules = modulesOf(options.modules);
  const names = modules.map(({ name }) => name);
  return withClient(target, (client) =>
    readOnly(client, async () => {
      const state = await readState(client, names);
      const bookkeeping = await readBookkeeping(client, names);
      return modules.map((module) => ({
        module: module.name,
        findings: [
          ...historyFindings(module, state, allowAhead),
          ...bookkeepingFindings(module.name, state, bookkeeping.get(module.name) ?? []),
        ],
      }));
    }),
  );
}

function historyFindings(
  module: PostkitModule,
  state: State,
  allowAhead: boolean,
): VerifyFinding[] {
  try {
    const { problem } = compare(module.name, stepsOf(module), state, allowAhead);
    return problem === undefined ? [] : [findingOf(problem)];
  } catch (error) {
    if (isPostkitError(error, "core.MIG_DRIFT")) return [findingOf(error)];
    throw error;
  }
}

function findingOf({ code, message, detail }: PostkitError): VerifyFinding {
  const { file } = (detail ?? {}) as { file?: string };
  return {
    code: code === "MIG_AHEAD" || code === "MIG_SCHEMA_FOREIGN" ? code : "MIG_DRIFT",
    message,
    file,
  };
}

function bookkeepingFindings(
  module: string,
  state: State,
  names: readonly string[],
): VerifyFinding[] {
  const logged = appliedNames(module, state);
  const table = `postkit.${module}_migrations`;
  return [
    ...logged
      .filter((name) => !names.includes(name))
      .map((name) => drift(`${table} lacks ${name}, which postkit.migration_log has as applied`)),
    ...names
      .filter((name) => !logged.includes(name))
      .map((name) =>
        drift(`${table} has ${name}, which postkit.migration_log does not have as applied`),
      ),
  ];
}

function appliedNames(module: string, state: State): string[] {
  return state.applied.filter((step) => step.module === module).map(({ name }) => name);
}

function drift(message: string): VerifyFinding {
  return { code: "MIG_DRIFT", message, file: undefined };
}

/** The step names in node-pg-migrate's tables, for each module that has one. */
async function readBookkeeping(
  client: pg.ClientBase,
  modules: readonly string[],
): Promise<Map<string, string[]>> {
  const { rows: tables } = await client.query<{ module: string }>(tablesQuery, [modules]);
  const bookkeeping = new Map<string, string[]>();
  for (const { module } of tables) {
    const table = pg.escapeIdentifier(`${module}_migrations`);
    const { rows } = await client.query<{ name: string }>(
      `select m.name from postkit.${table} m order by m.name`,
    );
    bookkeeping.set(
      module,
      rows.map(({ name }) => name),
    );
  }
  return bookkeeping;
}

const tablesQuery = `
  select m.module
  from pg_catalog.unnest($1::text[]) m (module)
  join pg_catalog.pg_class c on c.relname = m.module || '_migrations'
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = 'postkit'`;
