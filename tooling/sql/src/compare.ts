import { isDeepStrictEqual } from "node:util";
import type { Catalog, Facet, Json } from "./catalog.ts";

/** A facet that two catalogs do not share. */
export type Difference =
  | { readonly change: "added"; readonly after: Facet }
  | { readonly change: "removed"; readonly before: Facet }
  | { readonly change: "changed"; readonly before: Facet; readonly after: Facet };

export function compareCatalogs(before: Catalog, after: Catalog): Difference[] {
  const differences: Difference[] = [];
  for (const facet of before.values()) {
    const other = after.get(facet.key);
    if (other === undefined) differences.push({ change: "removed", before: facet });
    else if (!isDeepStrictEqual(facet.definition, other.definition)) {
      differences.push({ change: "changed", before: facet, after: other });
    }
  }
  for (const facet of after.values()) {
    if (!before.has(facet.key)) differences.push({ change: "added", after: facet });
  }
  return differences;
}

/** What to call the two catalogs in messages. */
export interface Sides {
  readonly before: string;
  readonly after: string;
}

/** The differences for people, one a line: `only in sql/: index authz.x_idx`. */
export function differenceLines(before: Catalog, after: Catalog, sides: Sides): string[] {
  return compareCatalogs(before, after).map((difference) => describe(difference, sides));
}

/** A property that two states of one facet do not share, in words. */
export interface Change {
  readonly property: string;
  readonly before: string;
  readonly after: string;
}

export function changesOf(before: Facet, after: Facet): Change[] {
  return Object.keys(after.definition)
    .filter((property) => !isDeepStrictEqual(before.definition[property], after.definition[property]))
    .map((property) => {
      const [left, right] = firstDifference(words(before.definition[property]), words(after.definition[property]));
      return { property, before: left, after: right };
    });
}

function describe(difference: Difference, sides: Sides): string {
  if (difference.change === "added") return `only in ${sides.after}: ${difference.after.key}`;
  if (difference.change === "removed") return `only in ${sides.before}: ${difference.before.key}`;
  const changes = changesOf(difference.before, difference.after).map(
    ({ property, before, after }) => `${property} is ${before} in ${sides.before} and ${after} in ${sides.after}`,
  );
  return `differs: ${difference.before.key}: ${changes.join("; ")}`;
}

function words(value: Json | undefined): string {
  if (value === null || value === undefined || value === "") return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Short texts as they are, long ones cut down to the first line that differs. */
function firstDifference(left: string, right: string): [string, string] {
  if (!left.includes("\n") && !right.includes("\n")) return [left, right];
  const [lefts, rights] = [left.split("\n"), right.split("\n")];
  const at = lefts.findIndex((line, index) => line !== rights[index]);
  const line = at < 0 ? lefts.length : at;
  return [quoteLine(lefts, line), quoteLine(rights, line)];
}

function quoteLine(lines: readonly string[], at: number): string {
  const line = lines[at];
  return line === undefined ? `nothing at line ${at + 1}` : `"${line.trim()}" at line ${at + 1}`;
}
