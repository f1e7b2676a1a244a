import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { outputOf, runCommand } from "./command.ts";
import { commonJsProgram, embeddedProgram, esmProgram, typedProgram } from "./consumer-programs.ts";
import type { PackedPackage } from "./pack.ts";
import { root } from "./public-packages.ts";

export interface Consumer {
  readonly packed: readonly PackedPackage[];
  /** Where the empty projects are made. */
  readonly folder: string;
  /** The superuser's URL of an empty database that every check leaves empty. */
  readonly databaseUrl: string;
}

/** The first that lets CommonJS import an ES module. */
const oldestTypeScript = "typescript@5.8.3";

type Check = readonly [name: string, problems: readonly string[]];

/** Installs core and one module in an empty project; migrates up and down from both module systems; checks the types. */
export function* checkModule(consumer: Consumer, module: string): Generator<Check> {
  const project = createProject(consumer, `with-${module}`, ["core", module], [oldestTypeScript]);
  const name = `@postkit/${module} in an empty project`;
  yield [`${name}: npm install`, project.problems];
  if (project.problems.length > 0) return;

  project.write("esm.mjs", esmProgram(module));
  project.write("commonjs.cjs", commonJsProgram(module));
  project.write("esm.mts", typedProgram(module));
  project.write("commonjs.cts", typedProgram(module));
  project.write("tsconfig.json", tsconfig);
  yield [`${name}: ESM, migrate up, use, migrate down`, project.run(["node", "esm.mjs"])];
  yield [`${name}: CommonJS, the same`, project.run(["node", "commonjs.cjs"])];
  const ours = join(root, "node_modules/typescript/bin/tsc");
  const oldest = "node_modules/typescript/bin/tsc";
  yield [`${name}: types for ESM and CommonJS`, project.run(["node", ours, "-p", "."])];
  yield [`${name}: types, ${oldestTypeScript}`, project.run(["node", oldest, "-p", "."])];
}

export function* checkEmbedded(consumer: Consumer): Generator<Check> {
  const project = createProject(consumer, "with-embedded", ["embedded"]);
  yield ["@postkit/embedded in an empty project: npm install", project.problems];
  if (project.problems.length > 0) return;
  project.write("esm.mjs", embeddedProgram);
  yield ["@postkit/embedded in an empty project: start, stop", project.run(["node", "esm.mjs"])];
}

export function* checkCommandLine(consumer: Consumer): Generator<Check> {
  const modules = consumer.packed.filter((one) => one.isModule).map((one) => one.module);
  const project = createProject(consumer, "with-cli", ["core", "embedded", "cli", ...modules]);
  const name = "@postkit/cli in an empty project";
  yield [`${name}: npm install`, project.problems];
  if (project.problems.length > 0) return;
  const commands: [string[], number][] = [
    [["migrate", "status"], 0],
    [["migrate", "status", "--check"], 3],
    [["migrate", "up"], 0],
    [["migrate", "status", "--check"], 0],
    ...modules.map((module): [string[], number] => [
      ["migrate", "down", "--module", module, "--to", "0", "--yes"],
      0,
    ]),
  ];
  for (const [args, code] of commands) {
    yield [
      `${name}: postkit ${args.join(" ")}`,
      project.run(["node_modules/.bin/postkit", ...args], code),
    ];
  }
}

const tsconfig = JSON.stringify({
  compilerOptions: {
    module: "nodenext",
    target: "es2022",
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    types: ["node"],
  },
  files: ["esm.mts", "commonjs.cts"],
});

/** Makes an empty project and installs the tarballs of these packages, and more packages from the registry. */
function createProject(
  consumer: Consumer,
  name: string,
  modules: readonly string[],
  more: readonly string[] = [],
) {
  const folder = join(consumer.folder, name);
  const tarballs = consumer.packed
    .filter((one) => modules.includes(one.module))
    .map((one) => one.tarball);
  mkdirSync(folder);
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text);
  const run = (command: readonly [string, ...string[]], expectedCode = 0): string[] => {
    const result = runCommand(folder, command, { DATABASE_URL: consumer.databaseUrl });
    if (result.code === expectedCode) return [];
    return [`exit code ${result.code} instead of ${expectedCode}`, ...outputOf(result)];
  };
  write("package.json", JSON.stringify({ name, private: true }));
  const problems = run(["npm", "install", "--no-audit", "--no-fund", ...tarballs, ...more]);
  return { problems, write, run };
}
