import { pathToFileURL } from "node:url";

import type { Caller, MigrationStep, PostkitModule } from "@postkit/core";

/** A folder that is not there: the module's steps exist in memory only. */
const nowhere = pathToFileURL("/nonexistent/postkit/");

export interface FixtureOptions {
  /** `[up, down]` of each step; they are named `0001_step`, `0002_step` … */
  steps: readonly (readonly [up: string, down: string])[];
  version?: string;
  migrationsUrl?: URL;
}

/** A module in memory whose client is the bare caller. */
export function fixtureModule(
  name: string,
  { steps, version = "1.0.0", migrationsUrl = nowhere }: FixtureOptions,
): PostkitModule<Caller> {
  return {
    name,
    version,
    migrations: steps.map(([up, down], index): MigrationStep => ({
      name: stepName(index + 1),
      up,
      down,
    })),
    migrationsUrl,
    errors: {},
    client: (caller) => caller,
  };
}

export function stepName(number: number): string {
  return `${String(number).padStart(4, "0")}_step`;
}

/** The same module with other texts in one step. */
export function withStep<C>(
  module: PostkitModule<C>,
  number: number,
  change: Partial<MigrationStep>,
): PostkitModule<C> {
  const migrations = module.migrations.map((step, index) =>
    index === number - 1 ? { ...step, ...change } : step,
  );
  return { ...module, migrations };
}

/** The same module as a release knew it that had only the first steps. */
export function withSteps<C>(module: PostkitModule<C>, count: number): PostkitModule<C> {
  return { ...module, migrations: module.migrations.slice(0, count) };
}

/** What every module has: here it gives all tables and functions. */
export function grantFunction(schema: string): string {
  return `create function ${schema}._grant(p_role text, p_kind text) returns void language plpgsql as $$ begin
    execute format('grant usage on schema ${schema} to %I', p_role);
    execute format('grant select, insert, update, delete on all tables in schema ${schema} to %I', p_role);
    execute format('grant execute on all functions in schema ${schema} to %I', p_role);
  end $$;
  revoke all on function ${schema}._grant(text, text) from public;`;
}

/** Three steps, each a table: `one`, `two`, `three`. The last but one destroys data on its way down. */
export function threeTables(name: string): PostkitModule<Caller> {
  return fixtureModule(name, {
    steps: [
      [
        `create schema ${name};\n${grantFunction(name)}\ncreate table ${name}.one (id int primary key);`,
        `drop table ${name}.one;\ndrop function ${name}._grant(text, text);\ndrop schema ${name};`,
      ],
      [
        `create table ${name}.two (id int primary key, note text);`,
        `-- destroys data: every row of ${name}.two\ndrop table ${name}.two;`,
      ],
      [`create table ${name}.three (id int primary key);`, `drop table ${name}.three;`],
    ],
  });
}
