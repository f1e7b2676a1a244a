import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { outputOf, runCommand } from "./command.ts";
import { readManifest, root, type PublicPackage } from "./public-packages.ts";

/** A package as it would be published, and unpacked again. */
export interface PackedPackage extends PublicPackage {
  readonly tarball: string;
  readonly unpacked: string;
}

export function pack(manifest: PublicPackage, folder: string): PackedPackage {
  if (!existsSync(join(manifest.folder, "dist"))) {
    throw new Error(`${manifest.name} is not built: npm run build`);
  }
  const destination = join(folder, manifest.module);
  const unpacked = join(destination, "package");
  mkdirSync(destination);
  const pnpm = String(readManifest(root)["packageManager"]);
  const tarball = join(destination, "package.tgz");
  run(manifest.folder, ["npx", "--yes", pnpm, "pack", "--out", tarball]);
  run(destination, ["tar", "-xzf", tarball]);
  return { ...manifest, tarball, unpacked };
}

function run(cwd: string, command: readonly [string, ...string[]]): void {
  const result = runCommand(cwd, command);
  if (result.code !== 0) throw new Error([command.join(" "), ...outputOf(result)].join("\n"));
}
