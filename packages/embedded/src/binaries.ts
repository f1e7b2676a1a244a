import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

import { cacheDir } from "./cache-dir.ts";
import { BinariesNotFoundError, VersionMismatchError } from "./errors.ts";
import { isErrorCode } from "./file-system.ts";
import { hydrateLinks } from "./hydrate-links.ts";
import { unprivilegedIdentity } from "./identity.ts";
import { installBinaries } from "./install-binaries.ts";
import { executable, platformPackage } from "./platform.ts";
import { publishFolder } from "./publish-folder.ts";
import { readableCopy } from "./readable-copy.ts";
import { findSystemBinaries, hasServerPrograms } from "./system-binaries.ts";
import {
  binaryReleases,
  defaultVersion,
  isPostgresVersion,
  type PostgresVersion,
} from "./versions.ts";

/** A folder with the programs of one PostgreSQL. */
export interface Binaries {
  version: PostgresVersion;
  initdb: string;
  postgres: string;
  pgCtl: string;
}

export interface BinariesRequest {
  /** Any, which means the default one unless `POSTKIT_PG_BIN` holds another, when undefined. */
  version: PostgresVersion | undefined;
  log: (message: string) => void;
}

/**
 * Finds the programs: in `POSTKIT_PG_BIN`; in the npm package that was installed with this one; in the cache, where
 * npm puts them when they are missing; in the system.
 *
 * @throws BinariesNotFoundError, VersionMismatchError
 */
export async function locateBinaries({ version, log }: BinariesRequest): Promise<Binaries> {
  const fromEnvironment = process.env.POSTKIT_PG_BIN;
  if (fromEnvironment) return binariesFromEnvironment(resolve(fromEnvironment), version);
  const wanted = version ?? defaultVersion;
  const binDir = await findBinDir(wanted, log);
  log(`PostgreSQL ${wanted} from ${binDir}`);
  return binariesIn(binDir, wanted);
}

async function binariesFromEnvironment(
  binDir: string,
  wanted: PostgresVersion | undefined,
): Promise<Binaries> {
  if (!hasServerPrograms(binDir)) {
    throw new BinariesNotFoundError(
      `POSTKIT_PG_BIN is ${binDir}, which does not hold "initdb" and "postgres".`,
    );
  }
  const major = await majorOf(join(binDir, executable("postgres")));
  if (!isPostgresVersion(major)) {
    throw new VersionMismatchError(
      `POSTKIT_PG_BIN holds PostgreSQL ${major}; this package runs ${Object.keys(binaryReleases).join(", ")}.`,
    );
  }
  if (wanted !== undefined && wanted !== major) {
    throw new VersionMismatchError(
      `POSTKIT_PG_BIN holds PostgreSQL ${major}, but ${wanted} is asked for. Unset it, or ask for ${major}.`,
    );
  }
  return binariesIn(binDir, major);
}

async function majorOf(postgres: string): Promise<number> {
  const { stdout } = await promisify(execFile)(postgres, ["--version"]);
  return Number(/(\d+)/.exec(stdout)?.[1]);
}

async function findBinDir(
  version: PostgresVersion,
  log: (message: string) => void,
): Promise<string> {
  const packageName = platformPackage();
  if (packageName === undefined) return systemBinDir(version);
  try {
    const packageDir =
      installedPackage(packageName, version) ??
      (await installBinaries({ packageName, version, log }));
    return await readableBinDir(await hydratedPackage(packageDir, version), version);
  } catch (error) {
    const system = findSystemBinaries(version);
    if (system && error instanceof BinariesNotFoundError) return system;
    throw error;
  }
}

function systemBinDir(version: PostgresVersion): string {
  const system = findSystemBinaries(version);
  if (system) return system;
  throw new BinariesNotFoundError(
    `There are no PostgreSQL binaries on npm for ${process.platform}-${process.arch} with this C library. Install ` +
      `PostgreSQL ${version} and set POSTKIT_PG_BIN to the folder that holds its "initdb" and "postgres".`,
  );
}

/** The platform package in node_modules, when it is of the wanted version. */
function installedPackage(packageName: string, version: PostgresVersion): string | undefined {
  const require = createRequire(import.meta.url);
  try {
    // The package's only entry is dist/index.js.
    const packageDir = dirname(dirname(require.resolve(packageName)));
    const manifest: { version: string } = require(join(packageDir, "package.json"));
    return Number.parseInt(manifest.version, 10) === version ? packageDir : undefined;
  } catch {
    return undefined;
  }
}

/** The package with its library links, or a copy of it in the cache when another user has installed it without them. */
async function hydratedPackage(packageDir: string, version: PostgresVersion): Promise<string> {
  try {
    await hydrateLinks(packageDir);
    return packageDir;
  } catch (error) {
    if (!isErrorCode(error, "EACCES", "EPERM", "EROFS")) throw error;
    const copy = join(cacheDir(), `binaries-${binaryReleases[version]}`);
    if (!existsSync(copy)) await publishFolder(copy, (draft) => copyHydrated(packageDir, draft));
    return copy;
  }
}

async function copyHydrated(packageDir: string, draft: string): Promise<void> {
  await cp(packageDir, draft, { recursive: true, verbatimSymlinks: true });
  await hydrateLinks(draft);
}

async function readableBinDir(packageDir: string, version: PostgresVersion): Promise<string> {
  const native = join(packageDir, "native");
  if (unprivilegedIdentity().uid === undefined) return join(native, "bin");
  return join(await readableCopy(native, version), "bin");
}

function binariesIn(binDir: string, version: PostgresVersion): Binaries {
  const program = (name: string) => join(binDir, executable(name));
  return {
    version,
    initdb: program("initdb"),
    postgres: program("postgres"),
    pgCtl: program("pg_ctl"),
  };
}
