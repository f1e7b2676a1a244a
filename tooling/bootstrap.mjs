// The target of every root script: `node tooling/bootstrap.mjs <task> [arguments]`. It needs nothing but Node and npm,
// prepares the checkout when something changed (dependencies, inlined migrations) and then hands over to the task.

import { mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { cleanEnvironment, root } from "./bootstrap/environment.mjs";
import { requireSupportedNode } from "./bootstrap/node-version.mjs";
import { exitWithParent } from "./bootstrap/exit-with-parent.mjs";
import { prepare } from "./bootstrap/prepare.mjs";
import { capture, pnpm, run } from "./bootstrap/run.mjs";

const bin = (name, file) => join(root, "node_modules", name, file);
const fromSource = ["--conditions=@postkit/source", "--import", "tsx"];
const node = (args) => run(process.execPath, args);
const source = (file, args) => node([...fromSource, join(root, file), ...args]);

const tasks = {
  setup: () => 0,
  demo: (args) => source("examples/demo/src/main.ts", args),
  test: (args) => node([bin("vitest", "vitest.mjs"), "run", ...args]),
  build,
  lint,
  format: (args) => node([bin("oxfmt", "bin/oxfmt"), "--write", ...args]),
  bench,
  sql: (args) => source("tooling/sql/src/cli.ts", args),
  postkit: (args) => source("packages/cli/src/bin.ts", args),
  "pack-check": (args) => source("tooling/pack-check/src/cli.ts", args),
  "version-packages": versionPackages,
};

async function build(args) {
  const code = await buildPackages(args);
  return code === 0 ? writeInstallScripts() : code;
}

function buildPackages(args) {
  return run(...pnpm(["exec", "turbo", "run", "build", "--output-logs=errors-only", ...args]));
}

/** Times the built packages, as users run them: transpiling at start-up leaves its marks in the code. */
async function bench(args) {
  const code = await buildPackages([]);
  if (code !== 0) return code;
  return node(["--import", "tsx", join(root, "tooling/bench/src/cli.ts"), ...args]);
}

/** Turns the changesets into versions and changelogs, and brings the lockfile after them. */
async function versionPackages() {
  const code = await node([bin("@changesets/cli", "bin.js"), "version"]);
  if (code !== 0) return code;
  return run(...pnpm(["install", "--lockfile-only"]));
}

/** Writes `dist/<module>.sql` for every module with a history, and `dist/postkit.sql` with all of them. */
async function writeInstallScripts() {
  const modules = readdirSync(join(root, "migrations"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  mkdirSync(join(root, "dist"), { recursive: true });
  const scripts = [["postkit", modules], ...modules.map((module) => [module, [module]])];
  for (const [name, included] of scripts) {
    const cli = [...fromSource, join(root, "packages/cli/src/bin.ts"), "sql", ...included];
    const { code, stdout, stderr } = await capture(process.execPath, cli);
    if (code !== 0) {
      process.stderr.write(stderr);
      return code;
    }
    const file = join(root, "dist", `${name}.sql`);
    writeFileSync(`${file}.new`, stdout);
    renameSync(`${file}.new`, file);
  }
  return 0;
}

/** Runs every check even when one fails, so that one run shows all there is to mend. */
async function lint() {
  const checks = {
    oxlint: [bin("oxlint", "bin/oxlint")],
    oxfmt: [bin("oxfmt", "bin/oxfmt"), "--check"],
    tsc: [bin("typescript", "bin/tsc"), "-p", "tsconfig.json"],
    knip: [bin("knip", "bin/knip.js"), "--no-progress", "--no-config-hints"],
  };
  const failed = [];
  for (const [name, command] of Object.entries(checks)) {
    if ((await node(command)) !== 0) failed.push(name);
  }
  if (failed.length === 0) return 0;
  console.error(`postkit: failed: ${failed.join(", ")}`);
  return 1;
}

async function main() {
  requireSupportedNode();
  exitWithParent();
  const [name, ...args] = process.argv.slice(2);
  if (!Object.hasOwn(tasks, name ?? "")) {
    console.error(`usage: node tooling/bootstrap.mjs ${Object.keys(tasks).join("|")} [arguments]`);
    return 2;
  }
  process.chdir(root);
  cleanEnvironment();
  await prepare();
  return tasks[name](args);
}

process.exitCode = await main();
