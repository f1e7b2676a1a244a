import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { CliError } from "./cli-error.ts";

/** The project the command runs in: the nearest folder upwards with a package.json. */
export interface Project {
  readonly folder: string;
  /** Further packages or files that export modules, from `"postkit": { "modules": [] }` in package.json. */
  readonly listedModules: readonly string[];
}

export function findProject(): Project {
  const folder = nearestPackage(process.cwd()) ?? process.cwd();
  return { folder, listedModules: readListedModules(join(folder, "package.json")) };
}

/**
 * Imports a package as the project sees it; undefined when it is not installed there.
 *
 * Resolves the way `require` does, which starts from the project's folder and honours `--conditions`, and then
 * imports the file, so that packages of ES modules work as long as their `exports` have a `default`.
 */
export async function importFromProject(
  project: Project,
  specifier: string,
): Promise<object | undefined> {
  const file = resolveFromProject(project, specifier);
  return file === undefined ? undefined : ((await import(pathToFileURL(file).href)) as object);
}

function resolveFromProject({ folder }: Project, specifier: string): string | undefined {
  try {
    return createRequire(join(folder, "package.json")).resolve(specifier);
  } catch (error) {
    if (isMissing(error, specifier)) return undefined;
    const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw new CliError(
      "BIZ_MODULE_INVALID",
      `${specifier} is installed but cannot be loaded: ${reason}`,
      {
        cause: error,
      },
    );
  }
}

/** The package itself is missing, not a file inside it. */
function isMissing(error: unknown, specifier: string): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "MODULE_NOT_FOUND" && message.startsWith(`Cannot find module '${specifier}'`);
}

function nearestPackage(startFolder: string): string | undefined {
  for (let folder = startFolder; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

function readListedModules(manifestPath: string): readonly string[] {
  if (!existsSync(manifestPath)) return [];
  const modules =
    (parseManifest(manifestPath) as { postkit?: { modules?: unknown } }).postkit?.modules ?? [];
  if (Array.isArray(modules) && modules.every((name) => typeof name === "string")) return modules;
  throw new CliError(
    "BIZ_PROJECT_INVALID",
    `${manifestPath}: "postkit.modules" must be a list of package names`,
  );
}

function parseManifest(manifestPath: string): object {
  try {
    return (JSON.parse(readFileSync(manifestPath, "utf8")) ?? {}) as object;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError("BIZ_PROJECT_INVALID", `${manifestPath} is not valid JSON: ${reason}`, {
      cause: error,
    });
  }
}
