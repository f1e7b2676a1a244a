// Builds the package in whose folder it runs: a fresh dist/ with its JavaScript, its types and, for a module, its history.

import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = process.cwd();
const name = basename(folder);

rmSync(join(folder, "dist"), { recursive: true, force: true });
node(join(root, "node_modules/typescript/bin/tsc"), "-p", join(folder, "tsconfig.build.json"));
if (existsSync(join(root, "migrations", name))) {
  const sql = join(root, "tooling/sql/src/cli.ts");
  node("--conditions=@postkit/source", "--import", "tsx", sql, "bundle", "--dist", name);
}

function node(...args) {
  const { status, error } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
