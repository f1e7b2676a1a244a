import { readlink, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { isErrorCode, readTextIfPresent } from "./file-system.ts";

interface Link {
  source: string;
  target: string;
}

/**
 * Makes the library links a platform package lists in `native/pg-symlinks.json`, since npm packages hold no links.
 * The package's own install script does the same, but package managers more and more do not run those.
 */
export async function hydrateLinks(packageDir: string): Promise<void> {
  const text = await readTextIfPresent(join(packageDir, "native", "pg-symlinks.json"));
  if (text === undefined) return;
  const links: Link[] = JSON.parse(text);
  for (const { source, target } of links)
    await ensureLink(join(packageDir, target), basename(source));
}

async function ensureLink(path: string, to: string): Promise<void> {
  try {
    await symlink(to, path);
  } catch (error) {
    if (!isErrorCode(error, "EEXIST")) throw error;
    if (await pointsTo(path, to)) return;
    await replaceLink(path, to);
  }
}

async function pointsTo(path: string, to: string): Promise<boolean> {
  try {
    return join(dirname(path), await readlink(path)) === join(dirname(path), to);
  } catch {
    // A plain file in its place, as Windows packages and copies made by some tools have.
    return true;
  }
}

async function replaceLink(path: string, to: string): Promise<void> {
  const fresh = `${path}.${process.pid}`;
  await rm(fresh, { force: true });
  await symlink(to, fresh);
  await rename(fresh, path);
}
