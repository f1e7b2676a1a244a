import { mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { spawnJanitor } from "./guard.ts";
import { giveToUnprivileged } from "./identity.ts";

const sharedMemory = "/dev/shm";
const sharedMemoryFreeBytesMin = 1024 ** 3;

/** A folder that is gone after `remove()`, and also when this process ends without it. */
export interface ThrowawayFolder {
  /** Where the data directory belongs; does not exist yet. */
  readonly dataDir: string;
  remove(): Promise<void>;
}

interface ThrowawayOptions {
  /** Whether what is flushed in it must outlive the machine's memory. @defaultValue false */
  readonly durable?: boolean;
}

/** Makes one in shared memory when at least 1 GB is free there, else in the temp folder; a durable one on disk. */
export async function createThrowawayFolder({
  durable = false,
}: ThrowawayOptions = {}): Promise<ThrowawayFolder> {
  const parent = durable ? diskFolder() : await fastestFolder();
  const folder = await mkdtemp(join(parent, "postkit-pg-"));
  const janitor = spawnJanitor(folder);
  await giveToUnprivileged(folder);
  return {
    dataDir: join(folder, "data"),
    async remove() {
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
      janitor?.stdin?.end();
    },
  };
}

/** The temp folder of many a Linux is in memory; this one is for files that outlive a restart. */
function diskFolder(): string {
  return process.platform === "linux" ? "/var/tmp" : tmpdir();
}

async function fastestFolder(): Promise<string> {
  if (process.platform !== "linux") return tmpdir();
  try {
    const { bavail, bsize } = await statfs(sharedMemory);
    return bavail * bsize >= sharedMemoryFreeBytesMin ? sharedMemory : tmpdir();
  } catch {
    return tmpdir();
  }
}
