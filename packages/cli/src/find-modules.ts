import type { PostkitModule } from "@postkit/core";
import { CliError, usageError } from "./cli-error.ts";
import { findProject, importFromProject, type Project } from "./project.ts";

const ownPackages = ["authz", "authn", "config", "meter", "queue"].map(
  (name) => `@postkit/${name}`,
);

/** The modules that the project has installed, those of Postkit first, then those its package.json lists. */
export async function findModules(): Promise<PostkitModule[]> {
  const project = findProject();
  const modules = new Map<string, PostkitModule>();
  for (const specifier of new Set([...ownPackages, ...project.listedModules])) {
    for (const module of await modulesOf(project, specifier)) {
      if ((modules.get(module.name) ?? module) !== module) {
        throw new CliError(
          "BIZ_MODULE_INVALID",
          `${specifier} brings a second module named ${module.name}`,
        );
      }
      modules.set(module.name, module);
    }
  }
  return [...modules.values()];
}

/** The named ones of {@link findModules}, or all of them; never none. */
export async function selectModules(names: readonly string[] = []): Promise<PostkitModule[]> {
  const found = await findModules();
  if (found.length === 0) throw noModules();
  const known = found.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw usageError(`this project has no module ${unknown}; it has ${known.join(", ")}`);
  }
  return found.filter(({ name }) => names.length === 0 || names.includes(name));
}

function noModules(): CliError {
  return new CliError(
    "BIZ_MODULES_MISSING",
    `no Postkit module is installed in ${findProject().folder}: install one there, as with ` +
      '`npm install @postkit/authz`, or list a package of yours in package.json under "postkit": { "modules": [] }',
  );
}

async function modulesOf(project: Project, specifier: string): Promise<PostkitModule[]> {
  const exported = await importFromProject(project, specifier);
  const isListed = project.listedModules.includes(specifier);
  if (exported === undefined && !isListed) return [];
  if (exported === undefined) {
    throw new CliError(
      "BIZ_MODULE_INVALID",
      `package.json lists ${specifier}, which is not installed`,
    );
  }
  const modules = Object.values(exported).filter(isModule);
  if (modules.length === 0)
    throw new CliError("BIZ_MODULE_INVALID", `${specifier} exports no Postkit module`);
  return modules;
}

function isModule(value: unknown): value is PostkitModule {
  if (typeof value !== "object" || value === null) return false;
  const { name, version, migrations, migrationsUrl } = value as Partial<PostkitModule>;
  return (
    typeof name === "string" &&
    typeof version === "string" &&
    Array.isArray(migrations) &&
    migrationsUrl instanceof URL
  );
}
