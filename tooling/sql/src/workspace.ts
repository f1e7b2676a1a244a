import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Refusal } from "./refusal.ts";

/** Core has a schema but no history: it brings its own schema up to date. */
export const coreName = "core";

/** The folder that holds `packages/` and `migrations/`. */
export interface Workspace {
  readonly root: string;
}

export function sqlFolder(workspace: Workspace, module: string): string {
  return join(workspace.root, "packages", module, "sql");
}

export function sourceFolder(workspace: Workspace, module: string): string {
  return join(workspace.root, "packages", module, "src");
}

export function historyFolder(workspace: Workspace, module: string): string {
  return join(workspace.root, "migrations", module);
}

export function hasSql(workspace: Workspace, module: string): boolean {
  return existsSync(join(sqlFolder(workspace, module), "module.sql"));
}

/** Every package with a `sql/module.sql` but core, by name. */
export function listModules(workspace: Workspace): string[] {
  return listFolders(join(workspace.root, "packages")).filter(
    (name) => name !== coreName && hasSql(workspace, name),
  );
}

/** Every folder of `migrations/`, by name. */
export function listHistories(workspace: Workspace): string[] {
  const path = join(workspace.root, "migrations");
  return existsSync(path) ? listFolders(path) : [];
}

export function requireModule(workspace: Workspace, module: string): void {
  if (module === coreName) throw new Refusal("core has no history: it upgrades its own schema");
  const modules = listModules(workspace);
  if (!modules.includes(module)) {
    throw new Refusal(
      `no packages/${module}/sql/module.sql; modules are: ${modules.join(", ") || "none yet"}`,
    );
  }
}

export function packageVersion(workspace: Workspace, module: string): string {
  const path = join(workspace.root, "packages", module, "package.json");
  const manifest: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
    if (typeof manifest.version === "string") return manifest.version;
  }
  throw new Refusal(`packages/${module}/package.json has no version`);
}

/** Until the first release a module's `0001_init` is written anew whenever its source changes. */
export function isReleased(version: string): boolean {
  return !version.startsWith("0.0.");
}

function listFolders(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
