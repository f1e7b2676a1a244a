import { isDeepStrictEqual } from "node:util";
import type { Catalog, Facet, Json } from "./catalog.ts";

/** Where two catalogs part. */
export interface Differences {
  readonly removed: readonly Facet[];
  readonly changed: readonly ChangedFacet[];
  readonly added: readonly Facet[];
}

export interface ChangedFacet {
  readonly before: Facet;
  readonly after: Facet;
}

export function compareCatalogs(before: Catalog, after: Catalog): Differences {
  const removed = [...before.values()].filter((facet) => !after.has(facet.key));
  const added = [...after.values()].filter((facet) => !before.has(facet.key));
  const changed = [...before.values()].flatMap((facet) => {
    const other = after.get(facet.key);
    if (other === undefined || isDeepStrictEqual(facet.definition, other.definition)) return [];
    return [{ before: facet, after: other }];
  });
  return { removed, changed, added };
}

/** What to call the two catalogs in messages. */
export interface Sides {
  readonly before: string;
  readonly after: string;
}

/** The differences for people, one a line: `only in sql/: index authz.x_idx`. */
export function differenceLines(before: Catalog, after: Catalog, sides: Sides): string[] {
  const { removed, changed, added } = compareCatalogs(before, after);
  return [
    ...removed.map((facet) => `only in ${sides.before}: ${facet.key}`),
    ...changed.map((facet) => changedLine(facet, sides)),
    ...added.map((facet) => `only in ${sides.after}: ${facet.key}`),
  ];
}

/** A property that two states of one facet do not share, in words. */
export interface Change {
  readonly property: string;
  readonly before: string;
  readonly after: string;
}

export function changesOf({ before, after }: ChangedFacet): Change[] {
  return Object.keys(after.definition)
    .filter(
      (property) => !isDeepStrictEqual(before.definition[property], after.definition[property]),
    )
    .map((property) => {
      const [left, right] = firstDifference(
        words(before.definition[property]),
        words(after.definition[property]),
      );
      return { property, before: left, after: right };
    });
}

function changedLine(facet: ChangedFacet, sides: Sides): string {
  const changes = changesOf(facet).map(
    ({ property, before, after }) =>
      `${property} is ${before} in ${sides.before} and ${after} in ${sides.after}`,
  );
  return `differs: ${facet.before.key}: ${changes.join("; ")}`;
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
