import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../../..", import.meta.url));

/** A package that is published. */
export interface PublicPackage {
  /** `@postkit/authz`. */
  readonly name: string;
  /** `authz`, the name of its folder. */
  readonly module: string;
  readonly folder: string;
  /** Whether it has a history of migrations. */
  readonly isModule: boolean;
}

export function publicPackages(): PublicPackage[] {
  return readdirSync(join(root, "packages"))
    .filter((module) => existsSync(join(root, "packages", module, "package.json")))
    .map((module) => ({ module, folder: join(root, "packages", module) }))
    .filter(({ folder }) => readManifest(folder)["private"] !== true)
    .map(({ module, folder }) => ({
      name: String(readManifest(folder)["name"]),
      module,
      folder,
      isModule: existsSync(join(root, "migrations", module)),
    }));
}

export function readManifest(folder: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, unknown>;
}
