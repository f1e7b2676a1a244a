import type { PostkitModule } from "@postkit/core";

import type { Project } from "./command.ts";

export interface FixtureStep {
  name: string;
  up: string;
  down: string;
}

export interface FixtureModule {
  /** The module's name, its schema's and its package's. */
  name: string;
  steps: readonly FixtureStep[];
}

/** Two steps: one that destroys a table on its way down, and one that destroys nothing. */
export const ledger: FixtureModule = {
  name: "ledger",
  steps: [
    {
      name: "0001_init",
      up: "create schema ledger;\ncreate table ledger.entries (id int primary key);\n",
      down: "-- destroys data: ledger.entries\ndrop table ledger.entries;\ndrop schema ledger;\n",
    },
    {
      name: "0002_total",
      up: "create function ledger.total() returns bigint language sql as 'select count(*) from ledger.entries';\n",
      down: "drop function ledger.total();\n",
    },
  ],
};

/** Writes the package of a module into a project and lists it in package.json; again to change it. */
export async function installFixture(
  project: Project,
  { name, steps }: FixtureModule,
): Promise<void> {
  const folder = `node_modules/${name}`;
  const manifest = {
    name,
    version: "1.0.0",
    type: "module",
    exports: { ".": { default: "./index.js" } },
  };
  await project.write(
    "package.json",
    JSON.stringify({ private: true, postkit: { modules: [name] } }),
  );
  await project.write(`${folder}/package.json`, JSON.stringify(manifest));
  await project.write(`${folder}/index.js`, sourceOf(name, steps));
  for (const step of steps) {
    await project.write(`${folder}/migrations/${step.name}.up.sql`, step.up);
    await project.write(`${folder}/migrations/${step.name}.down.sql`, step.down);
  }
}

/** The same module for this process, to prepare databases with. */
export function moduleOf({ name, steps }: FixtureModule): PostkitModule {
  return {
    name,
    version: "1.0.0",
    migrations: steps,
    migrationsUrl: new URL("file:///not/shipped/"),
    errors: {},
    client: () => ({}),
  };
}

function sourceOf(name: string, steps: readonly FixtureStep[]): string {
  return `export const ${name} = {
  name: ${JSON.stringify(name)},
  version: "1.0.0",
  migrations: ${JSON.stringify(steps)},
  migrationsUrl: new URL("./migrations/", import.meta.url),
  errors: {},
  client: () => ({}),
};
`;
}
