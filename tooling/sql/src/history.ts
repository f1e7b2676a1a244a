import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Refusal } from "./refusal.ts";
import { readSqlFile, type SqlFile } from "./sql-file.ts";
import { historyFolder, type Workspace } from "./workspace.ts";

/** One step of a module's history: a pair of files in `migrations/<module>/`. */
export interface Step {
  readonly number: number;
  readonly slug: string;
  /** `NNNN_slug`. */
  readonly name: string;
  readonly up: SqlFile;
  readonly down: SqlFile;
}

/** Reads a module's steps in order; refuses strangers, gaps and half pairs. */
export function readHistory(workspace: Workspace, module: string): Step[] {
  const folder = historyFolder(workspace, module);
  if (!existsSync(folder)) return [];
  const names = new Set(
    readdirSync(folder)
      .filter((name) => !name.startsWith("."))
      .map(stepNameOf(module)),
  );
  return [...names].sort().map((name, index) => readStep(workspace, module, name, index + 1));
}

export function stepName(number: number, slug: string): string {
  return `${String(number).padStart(4, "0")}_${slug}`;
}

function stepNameOf(module: string): (file: string) => string {
  return (file) => {
    const name = /^(\d{4}_[a-z0-9_]+)\.(?:up|down)\.sql$/.exec(file)?.[1];
    if (name === undefined) {
      throw new Refusal(
        `migrations/${module}/${file}: history holds only NNNN_slug.up.sql and NNNN_slug.down.sql`,
      );
    }
    return name;
  };
}

function readStep(workspace: Workspace, module: string, name: string, expected: number): Step {
  const number = Number(name.slice(0, 4));
  if (number !== expected) {
    throw new Refusal(
      `migrations/${module}/${name}: expected step ${stepName(expected, "…")}; numbers have no gaps or twins`,
    );
  }
  const [up, down] = [
    readHalf(workspace, module, `${name}.up.sql`),
    readHalf(workspace, module, `${name}.down.sql`),
  ];
  return { number, slug: name.slice(5), name, up, down };
}

function readHalf(workspace: Workspace, module: string, file: string): SqlFile {
  const path = join(historyFolder(workspace, module), file);
  if (!existsSync(path))
    throw new Refusal(`migrations/${module}/${file} is missing: a step is a pair of files`);
  return readSqlFile(workspace, path);
}
