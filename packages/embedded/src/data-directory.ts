import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Binaries } from "./binaries.ts";
import { writeCredentials } from "./credentials.ts";
import { endOfChild } from "./end-of-child.ts";
import { DataDirectoryError, ServerStartError } from "./errors.ts";
import { isErrorCode, readTextIfPresent } from "./file-system.ts";
import { spawnGuarded } from "./guard.ts";
import { giveToUnprivileged, unprivilegedIdentity } from "./identity.ts";
import { publishFolder } from "./publish-folder.ts";
import { serverEnvironment } from "./server-environment.ts";

/**
 * The major version of the data directory, undefined when it is still to be made.
 *
 * @throws DataDirectoryError when the folder holds something else.
 */
export async function dataDirectoryMajor(dataDir: string): Promise<number | undefined> {
  const text = await readTextIfPresent(join(dataDir, "PG_VERSION"));
  if (text !== undefined) return Number.parseInt(text, 10);
  if ((await entriesOf(dataDir)).length === 0) return undefined;
  throw new DataDirectoryError(
    `${dataDir} is not empty and is not a PostgreSQL data directory. Choose an empty or a new folder.`,
  );
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrorCode(error, "ENOENT")) return [];
    throw new DataDirectoryError(`${folder} cannot be used as a data directory.`, { cause: error });
  }
}

export interface NewDataDirectory {
  dataDir: string;
  binaries: Binaries;
  /** Of the superuser `postgres`; without one, every local user may log in. */
  password: string | undefined;
}

/** Makes a data directory (UTF8, locale C, UTC), complete or not at all; keeps the one another process has made first. */
export async function createDataDirectory({
  dataDir,
  binaries,
  password,
}: NewDataDirectory): Promise<void> {
  await publishFolder(dataDir, async (draft) => {
    const passwordFile = `${draft}.password`;
    try {
      await giveToUnprivileged(draft);
      await writeFile(passwordFile, password ?? "", { mode: 0o600 });
      await giveToUnprivileged(passwordFile);
      await runInitdb(
        binaries,
        initdbArguments(draft, password === undefined ? undefined : passwordFile),
      );
      if (password !== undefined) await writeCredentials(draft, { password });
    } finally {
      await rm(passwordFile, { force: true });
    }
  });
}

function initdbArguments(dataDir: string, passwordFile: string | undefined): string[] {
  const login = passwordFile
    ? [`--pwfile=${passwordFile}`, "--auth=scram-sha-256"]
    : ["--auth=trust"];
  return [
    "-D",
    dataDir,
    "--no-sync",
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    ...login,
  ];
}

async function runInitdb(binaries: Binaries, args: string[]): Promise<void> {
  const { child } = spawnGuarded({
    command: binaries.initdb,
    args,
    identity: unprivilegedIdentity(),
    signal: "INT",
    output: "pipe",
    env: serverEnvironment(),
  });
  child.ref();
  const { exitCode, output } = await endOfChild(child);
  if (exitCode === 0) return;
  throw new ServerStartError(
    `initdb ended with ${exitCode ?? "an error"}. Its output:\n${output.trim()}`,
  );
}
