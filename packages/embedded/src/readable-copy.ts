import { cp, chmod, lstat, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, parse } from "node:path";

import { EmbeddedError } from "./errors.ts";
import { publishFolder } from "./publish-folder.ts";
import { binaryReleases, type PostgresVersion } from "./versions.ts";

/**
 * The folder itself when every user can reach it; else a copy in the temp folder. Only for root, when the server must
 * run as the user nobody and the binaries lie in, say, root's home.
 */
export async function readableCopy(folder: string, version: PostgresVersion): Promise<string> {
  if (await everyoneCanReach(folder)) return folder;
  const copy = join(tmpdir(), `postkit-binaries-${binaryReleases[version]}`);
  if (!(await exists(copy))) {
    await publishFolder(copy, async (draft) => {
      await cp(folder, draft, { recursive: true, verbatimSymlinks: true });
      await chmod(draft, 0o755);
    });
  }
  await assertOwn(copy);
  return copy;
}

async function everyoneCanReach(folder: string): Promise<boolean> {
  const { root } = parse(folder);
  for (let path = folder; path !== root; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) return false;
  }
  return true;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** The temp folder is everyone's: what lies there under our name must not be run when another user put it there. */
async function assertOwn(path: string): Promise<void> {
  const stats = await lstat(path);
  if (stats.isDirectory() && stats.uid === process.getuid?.()) return;
  throw new EmbeddedError(`${path} belongs to another user. Remove it and try again.`);
}
