import { Refusal } from "./refusal.ts";
import type { SqlFile } from "./sql-file.ts";

/** What a file says of the public function that it creates. */
export interface FunctionHeader {
  /** With its schema. */
  readonly name: string;
  /** What it does, without a full stop. */
  readonly summary: string;
  readonly paragraphs: readonly string[];
  readonly takes: readonly Parameters[];
  /** Returns, Raises and the like, in their order, each in one line. */
  readonly facts: readonly (readonly [label: string, text: string])[];
  readonly example: string | undefined;
  /** From its name to what it returns. */
  readonly signature: string;
}

interface Parameters {
  readonly names: readonly string[];
  readonly text: string;
}

const section = /^(Takes|Returns|Raises|Writes|Locks|Example) +(.*)$/;

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
  const from = lines.findIndex((line) => section.test(line));
  const [summary = "", ...paragraphs] = joined(from < 0 ? lines : lines.slice(0, from));
  const sections = from < 0 ? [] : split(lines.slice(from));
  return {
    name,
    summary: summary.replace(/\.$/, ""),
    paragraphs,
    takes: sections.flatMap(({ label, lines: own }) => (label === "Takes" ? parameters(own) : [])),
    facts: sections.flatMap(({ label, lines: own }) =>
      label === "Takes" || label === "Example" ? [] : facts(label, own),
    ),
    example: sections.find(({ label }) => label === "Example")?.lines.join("\n"),
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

interface Section {
  readonly label: string;
  readonly lines: string[];
}

function split(lines: readonly string[]): Section[] {
  const sections: Section[] = [];
  for (const line of lines) {
    const [, label, first] = section.exec(line) ?? [];
    if (label !== undefined && first !== undefined) sections.push({ label, lines: [first] });
    else sections.at(-1)?.lines.push(line.slice("Takes    ".length));
  }
  return sections;
}

function parameters(lines: readonly string[]): Parameters[] {
  const all: { names: string[]; text: string }[] = [];
  for (const line of lines) {
    const [, names, text] = /^(p_\w+(?:, p_\w+)*) {2,}(.*)$/.exec(line) ?? [];
    const last = all.at(-1);
    if (names !== undefined && text !== undefined) all.push({ names: names.split(", "), text });
    else if (last !== undefined) last.text += ` ${line.trim()}`;
  }
  return all;
}

/** What it locks may stand behind what it writes. */
function facts(label: string, lines: readonly string[]): [string, string][] {
  const text = lines.map((line) => line.trim()).join(" ");
  const [writes, locks] = text.split(" · Locks ", 2);
  if (label !== "Writes" || writes === undefined || locks === undefined) return [[label, text]];
  return [
    [label, writes],
    ["Locks", locks],
  ];
}
