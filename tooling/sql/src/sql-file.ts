import { readFileSync } from "node:fs";
import { relative, sep } from "node:path";
import { Refusal } from "./refusal.ts";
import type { Workspace } from "./workspace.ts";

/** A text of SQL and the name to call it in messages. */
export interface SqlFile {
  /** Path from the root, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Reads a file and refuses what would hash or run differently on another machine. */
export function readSqlFile(workspace: Workspace, absolutePath: string): SqlFile {
  const path = relative(workspace.root, absolutePath).split(sep).join("/");
  const text = readFileSync(absolutePath, "utf8");
  const carriageReturn = text.indexOf("\r");
  if (carriageReturn >= 0) {
    throw new Refusal(
      `${path}:${lineAt(text, carriageReturn)}: save the file with LF line endings`,
    );
  }
  if (text.startsWith("\uFEFF"))
    throw new Refusal(`${path}:1: save the file without a byte order mark`);
  return { path, text };
}

/** The one-based line of an offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1))
    line += 1;
  return line;
}
