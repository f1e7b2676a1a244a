import { existsSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { Refusal } from "./refusal.ts";
import { readSqlFile, type SqlFile } from "./sql-file.ts";
import { sqlFolder, type Workspace } from "./workspace.ts";

/** A file of a module's source, in load order. */
export interface SourceFile extends SqlFile {
  /** Path inside the module's `sql/` folder, as `module.sql` writes it. */
  readonly name: string;
}

/** Reads the files that `sql/module.sql` lists, in its order. */
export function readModule(workspace: Workspace, module: string): SourceFile[] {
  const folder = sqlFolder(workspace, module);
  const listed = new Map<string, number>();
  const manifest = readSqlFile(workspace, join(folder, "module.sql"));
  const files: SourceFile[] = [];
  manifest.text.split("\n").forEach((text, index) => {
    const name = parseLine(text, `${manifest.path}:${index + 1}`);
    if (name === undefined) return;
    refuseListed(name, listed, `${manifest.path}:${index + 1}`);
    listed.set(name, index + 1);
    files.push({ name, ...readListed(workspace, folder, name, `${manifest.path}:${index + 1}`) });
  });
  return files;
}

/** Files in the module's `sql/` folder that nothing loads; `module.sql` and Markdown aside. */
export function findUnlisted(
  workspace: Workspace,
  module: string,
  files: readonly SourceFile[],
): string[] {
  const folder = sqlFolder(workspace, module);
  const known = new Set(["module.sql", ...files.map((file) => file.name)]);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((name) => !known.has(name) && !name.endsWith(".md"))
    .sort()
    .map(
      (name) =>
        `packages/${module}/sql/${name}: no \\ir line in module.sql loads it; add one or delete the file`,
    );
}

function parseLine(text: string, place: string): string | undefined {
  const line = text.trim();
  if (line === "" || line.startsWith("--")) return undefined;
  const name = /^\\ir[ \t]+(\S+)$/.exec(line)?.[1];
  if (name === undefined) {
    throw new Refusal(`${place}: only "\\ir path" lines and comments may stand here: ${line}`);
  }
  if (!/^[\w-]+(\/[\w-]+)*\.sql$/.test(name)) {
    throw new Refusal(`${place}: not a plain path to a .sql file inside this folder: ${name}`);
  }
  return name;
}

function refuseListed(name: string, listed: ReadonlyMap<string, number>, place: string): void {
  const before = listed.get(name);
  if (before !== undefined)
    throw new Refusal(`${place}: ${name} is loaded by line ${before} already`);
}

function readListed(workspace: Workspace, folder: string, name: string, place: string): SqlFile {
  const path = join(folder, name);
  if (!existsSync(path)) throw new Refusal(`${place}: there is no file ${name}`);
  return readSqlFile(workspace, path);
}
