import { Refusal } from "./refusal.ts";
import type { SqlFile } from "./sql-file.ts";

/** What a file says of the public function that it creates. */
export interface FunctionHeader {
  /** With its schema. */
  readonly name: string;
  /** What it does, without a full stop. */
  readonly summary: string;
  readonly paragraphs: readonly string[];
  /** Takes, Returns, Raises and the like, in their order. */
  readonly sections: readonly Section[];
  readonly example: string | undefined;
  /** From its name to what it returns. */
  readonly signature: string;
}

/** One of text, with lines that are to stay as they are, or of rows. */
interface Section {
  readonly label: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly rows: readonly Row[];
}

/** What stands in two columns: names, and what they are. */
export interface Row {
  readonly names: readonly string[];
  readonly text: string;
}

const labelWidth = "Returns  ".length;
const label = /^(?=\w+ {2,}\S)(?=.{9}\S)(Takes|Returns|Raises|Writes|Locks|Example) +/;

/** Reads the header that a file of one public function begins with. */
export function readFunctionHeader({ path, text }: SqlFile): FunctionHeader {
  const comment = /^(?:--.*\n)+/.exec(text)?.[0] ?? "";
  const name = /^-- (\w+\.\w+): /.exec(comment)?.[1];
  const signature = /^create (?:or replace )?function ([^]*?)\nlanguage /m.exec(text)?.[1];
  if (name === undefined || signature?.startsWith(`${name}(`) !== true) {
    throw new Refusal(
      `${path}: begins with no header "-- schema.name: …" of the function it creates`,
    );
  }
  const lines = comment
    .slice(`-- ${name}: `.length)
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^-- ?/, ""));
  const from = lines.findIndex((line) => label.test(line));
  const [summary = "", ...paragraphs] = joined(from < 0 ? lines : lines.slice(0, from));
  const blocks = from < 0 ? [] : split(lines.slice(from));
  return {
    name,
    summary: summary.replace(/\.$/, ""),
    paragraphs,
    sections: blocks
      .filter((block) => block.label !== "Example")
      .flatMap((block) => sectionsOf(path, block)),
    example: blocks.find((block) => block.label === "Example")?.lines.join("\n"),
    signature,
  };
}

/** Paragraphs of a comment, whose lines belong together up to an empty one. */
function joined(lines: readonly string[]): string[] {
  return lines
    .join("\n")
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.trim().replaceAll("\n", " "))
    .filter((paragraph) => paragraph !== "");
}

interface Block {
  readonly label: string;
  readonly lines: string[];
}

function split(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  for (const line of lines) {
    const begun = label.exec(line)?.[1];
    if (begun !== undefined) blocks.push({ label: begun, lines: [] });
    blocks.at(-1)?.lines.push(line.slice(labelWidth));
  }
  return blocks;
}

/** Where the first line is a row, all that are not indented are; else what is indented stays as it is. */
function sectionsOf(path: string, { label: own, lines }: Block): Section[] {
  if (rowOf(lines[0] ?? "") !== undefined) {
    return [{ label: own, text: "", lines: [], rows: rowsOf(path, lines) }];
  }
  const isKept = (line: string) => line.startsWith(" ");
  const text = lines.filter((line) => !isKept(line)).join(" ");
  const kept = lines.filter(isKept).map((line) => line.trim());
  // What it locks may stand behind what it writes.
  const [before = "", locks] = own === "Writes" ? text.split(" · Locks ", 2) : [text];
  const section = { label: own, text: before, lines: kept, rows: [] };
  return locks === undefined ? [section] : [section, { ...section, label: "Locks", text: locks }];
}

function rowsOf(path: string, lines: readonly string[]): Row[] {
  const rows: { names: string[]; text: string }[] = [];
  for (const line of lines) {
    const row = rowOf(line);
    const last = rows.at(-1);
    if (row !== undefined) rows.push(row);
    else if (last !== undefined && line.startsWith(" "))
      last.text = `${last.text} ${line.trim()}`.trim();
    else throw new Refusal(`${path}: two spaces lack between what and what it is: ${line}`);
  }
  return rows;
}

/** What it is may stand below, where the names of parameters leave no room for it. */
function rowOf(line: string): { names: string[]; text: string } | undefined {
  const [, names, text] =
    /^(\S(?:.*?\S)?) {2,}(\S.*)$/.exec(line) ?? /^(p_\w+(?:, p_\w+)*)()$/.exec(line) ?? [];
  return names === undefined || text === undefined ? undefined : { names: names.split(", "), text };
}
