import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Step } from "./history.ts";
import { Refusal } from "./refusal.ts";
import type { SqlFile } from "./sql-file.ts";
import type { Workspace } from "./workspace.ts";

/** SHA-256 of every sealed file, by its path under `migrations/`. */
export type Checksums = Readonly<Record<string, string>>;

export function readChecksums(workspace: Workspace): Checksums {
  const path = checksumsPath(workspace);
  if (!existsSync(path)) return {};
  const checksums: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (isChecksums(checksums)) return checksums;
  throw new Refusal(
    "migrations/checksums.json: expected one object of file names and SHA-256 texts",
  );
}

/** Records a step as final: from now on its files may not change. */
export function seal(workspace: Workspace, step: Step): void {
  const checksums = new Map(Object.entries(readChecksums(workspace)));
  for (const file of [step.up, step.down]) checksums.set(entryName(file), checksum(file));
  const sorted = [...checksums].sort(([left], [right]) => (left < right ? -1 : 1));
  writeFileSync(
    checksumsPath(workspace),
    `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`,
  );
}

export function isSealed(checksums: Checksums, step: Step): boolean {
  return [step.up, step.down].some((file) => entryName(file) in checksums);
}

/** Names sealed files of a module that were edited, deleted or never sealed. */
export function findTampering(
  checksums: Checksums,
  module: string,
  steps: readonly Step[],
): string[] {
  const files = new Map(
    steps.flatMap((step) => [step.up, step.down]).map((file) => [entryName(file), file]),
  );
  const missing = Object.keys(checksums)
    .filter((name) => name.startsWith(`${module}/`) && !files.has(name))
    .map(
      (name) =>
        `migrations/${name} was sealed and is gone: bring it back, history is never rewritten`,
    );
  return [...missing, ...[...files.values()].flatMap((file) => tampering(checksums, file))];
}

function tampering(checksums: Checksums, file: SqlFile): string[] {
  const sealed = checksums[entryName(file)];
  if (sealed === undefined)
    return [`${file.path} is not in migrations/checksums.json: freeze seals it`];
  if (sealed === checksum(file)) return [];
  return [`${file.path} was edited after it was sealed: undo that and freeze a further step`];
}

function checksum(file: SqlFile): string {
  return createHash("sha256").update(file.text).digest("hex");
}

function entryName(file: SqlFile): string {
  return file.path.replace(/^migrations\//, "");
}

function checksumsPath(workspace: Workspace): string {
  return join(workspace.root, "migrations", "checksums.json");
}

function isChecksums(value: unknown): value is Checksums {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((entry) => typeof entry === "string")
  );
}
