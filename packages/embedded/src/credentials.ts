import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { readTextIfPresent } from "./file-system.ts";

/** What this package keeps of a data directory, in `postkit.json` inside it, readable by its owner only. */
export interface Credentials {
  /** The superuser's; undefined when any local user may log in. */
  password?: string;
  /** Where the server listened last, tried first at the next start so that a noted URL stays true. */
  port?: number;
}

/** Reads them; empty for a data directory that this package has not made. */
export async function readCredentials(dataDir: string): Promise<Credentials> {
  const text = await readTextIfPresent(fileIn(dataDir));
  return text === undefined ? {} : JSON.parse(text);
}

export async function writeCredentials(dataDir: string, credentials: Credentials): Promise<void> {
  const draft = `${fileIn(dataDir)}.${process.pid}`;
  await writeFile(draft, JSON.stringify(credentials), { mode: 0o600 });
  await rename(draft, fileIn(dataDir));
}

function fileIn(dataDir: string): string {
  return join(dataDir, "postkit.json");
}
