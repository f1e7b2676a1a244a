import { createColors } from "picocolors";
import { redact } from "./redact.ts";

const { env } = process;
const isColored =
  !env.NO_COLOR && (Boolean(env.FORCE_COLOR) || (process.stderr.isTTY && env.TERM !== "dumb"));

/** For texts on stderr; they stay plain where colours are not wanted. */
export const colors = createColors(isColored);

/** Tells people something, on stderr. */
export function say(text: string): void {
  process.stderr.write(`${redact(text)}\n`);
}

/** Writes a result for programs on stdout, with null for what is unknown. */
export function printJson(value: unknown): void {
  const text = JSON.stringify(
    value,
    (_, member: unknown) => (member === undefined ? null : member),
    2,
  );
  process.stdout.write(`${text}\n`);
}

/** Writes a result as it is on stdout: a URL, an SQL text. */
export function printText(text: string): void {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

/** A table with a heading, its columns as wide as their longest cell. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [colors.dim(line(heading)), ...rows.map(line)].join("\n");
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
