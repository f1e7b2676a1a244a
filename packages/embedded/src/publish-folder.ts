import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { isErrorCode } from "./file-system.ts";

const abandonedAfterMs = 60 * 60 * 1_000;

/**
 * Fills a fresh folder and puts it in place in one step, so that a folder that exists is always complete. Of two
 * processes that do so at once, the second finds the first one's folder and throws its own away: no lock is needed,
 * and none can be left behind.
 */
export async function publishFolder(
  path: string,
  fill: (draft: string) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await removeAbandonedDrafts(path);
  const draft = await mkdtemp(draftPrefix(path));
  try {
    await fill(draft);
    await moveInto(draft, path);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

function draftPrefix(path: string): string {
  return `${path}.draft-`;
}

/** Processes that were killed half way leave their drafts behind. */
async function removeAbandonedDrafts(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(basename(draftPrefix(path)))) continue;
    const draft = join(folder, name);
    const { mtimeMs } = await stat(draft).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > abandonedAfterMs) await rm(draft, { recursive: true, force: true });
  }
}

async function moveInto(draft: string, path: string): Promise<void> {
  try {
    await rename(draft, path);
  } catch (error) {
    const lostTheRace =
      isErrorCode(error, "ENOTEMPTY", "EEXIST", "EPERM", "EACCES") && (await hasContent(path));
    if (!lostTheRace) throw error;
  }
}

async function hasContent(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
