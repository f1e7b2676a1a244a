import { readlink, realpath } from "node:fs/promises";
import { join } from "node:path";

import { isAlive } from "./alive.ts";
import { readTextIfPresent } from "./file-system.ts";

/** What a running server says of itself in `postmaster.pid`. */
export interface PostmasterPid {
  pid: number;
  port: number;
  /** `starting`, `ready`, `standby` or `stopping`; empty while the file is being written. */
  status: string;
}

/** Reads `postmaster.pid`; undefined when there is none, or when it is not written in full yet. */
export async function readPostmasterPid(dataDir: string): Promise<PostmasterPid | undefined> {
  const text = await readTextIfPresent(join(dataDir, "postmaster.pid"));
  if (text === undefined) return undefined;
  const lines = text.split("\n").map((line) => line.trim());
  const [pid, , , port] = lines.map(Number);
  if (!pid || !port) return undefined;
  return { pid, port, status: lines[7] ?? "" };
}

/** The living server of this data directory, in whatever state it is; a file left by a dead one does not count. */
export async function readLivingPostmaster(dataDir: string): Promise<PostmasterPid | undefined> {
  const postmaster = await readPostmasterPid(dataDir);
  if (!postmaster || !isAlive(postmaster.pid)) return undefined;
  return (await runsElsewhere(postmaster.pid, dataDir)) ? undefined : postmaster;
}

/** True when the pid has been given to another program: a server's working directory is its data directory. */
async function runsElsewhere(pid: number, dataDir: string): Promise<boolean> {
  try {
    return (await readlink(`/proc/${pid}/cwd`)) !== (await realpath(dataDir));
  } catch {
    return false;
  }
}
