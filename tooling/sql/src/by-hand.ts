import { holdsData, newestFirst, type Catalog, type Facet } from "./catalog.ts";
import { changesOf, type ChangedFacet } from "./compare.ts";
import type { Built } from "./replay.ts";
import type { Route } from "./route.ts";
import type { Statement } from "./split-statements.ts";
import { parentsIn } from "./wholes.ts";

/** What stands in a step for each change that a person has to write. */
export const byHandMark = "-- by hand: ";

/** What must happen to data objects to get from one state to the other, in an order that can work. */
export function dataInstructions({ from, to, differences }: Route): string[] {
  const { removed, changed, added } = differences;
  const position = (facet: Facet) =>
    to.statements.findIndex((statement) => to.effects.get(statement)?.includes(facet.key));
  return [
    ...removed
      .filter(holdsData)
      .toSorted(newestFirst)
      .flatMap((facet) => removal(facet, from, to)),
    ...changed
      .filter(({ after }) => holdsData(after))
      .flatMap((facet) => alteration(facet, from, to)),
    ...added
      .filter(holdsData)
      .toSorted((left, right) => position(left) - position(right))
      .flatMap((facet) => addition(facet, from, to)),
  ];
}

/** New statements that change rows and leave no trace in a catalog, which nothing but their text can tell. */
export function rowInstructions(from: Built, to: Built): string[] {
  const known = new Set(from.statements.map((statement) => statement.text));
  const isTraceless = (statement: Statement) => to.effects.get(statement)?.length === 0;
  return to.statements
    .filter((statement) => isTraceless(statement) && !known.has(statement.text))
    .filter((statement) => !/^(create|alter|drop|grant|revoke|comment|set)\b/i.test(statement.bare))
    .map((statement) => `run what ${place(statement)} does to rows`);
}

function addition(facet: Facet, from: Built, to: Built): string[] {
  if (comesWithParent(facet, from.catalog, to)) return [];
  const [statement] = to.definitions.get(facet.key) ?? [];
  const order =
    facet.kind === "column" && !isLast(facet, from.catalog, to.catalog) ? misplaced : "";
  return [
    `create ${facet.key}${statement === undefined ? "" : ` as ${place(statement)} does`}${order}`,
  ];
}

function removal(facet: Facet, from: Built, to: Built): string[] {
  const parent = parentsIn(from.catalog)(facet);
  const goesWithParent = parent !== undefined && !to.catalog.has(parent.key);
  return goesWithParent ? [] : [`drop ${facet.key}`];
}

function alteration(facet: ChangedFacet, from: Built, to: Built): string[] {
  const { after } = facet;
  const changes = changesOf(facet).filter(
    ({ property }) => property !== "position" || sameColumns(after, from.catalog, to.catalog),
  );
  const words = changes.map(
    (change) => `${change.property} from ${change.before} to ${change.after}`,
  );
  return words.length === 0 ? [] : [`change ${after.key}: ${words.join(", ")}`];
}

const misplaced = " (move it behind the columns that exist: a table takes new ones at its end)";

/** Whether the statement that makes the parent makes this too: a column of a new table. */
function comesWithParent(facet: Facet, before: Catalog, to: Built): boolean {
  const parent = parentsIn(to.catalog)(facet);
  if (parent === undefined || before.has(parent.key)) return false;
  const made = to.definitions.get(parent.key) ?? [];
  return (to.definitions.get(facet.key) ?? []).every((statement) => made.includes(statement));
}

function isLast(column: Facet, before: Catalog, after: Catalog): boolean {
  return columnsBeside(column, after)
    .filter((other) => before.has(other.key))
    .every((other) => Number(other.definition["position"]) < Number(column.definition["position"]));
}

/** Positions shift when a column comes or goes; only a mere change of order is worth telling. */
function sameColumns(column: Facet, before: Catalog, after: Catalog): boolean {
  const earlier = before.get(column.key);
  if (earlier === undefined) return false;
  const [left, right] = [columnsBeside(earlier, before), columnsBeside(column, after)];
  return left.length === right.length && right.every((other) => before.has(other.key));
}

function columnsBeside(column: Facet, catalog: Catalog): Facet[] {
  return [...catalog.values()].filter(
    (other) => other.kind === "column" && other.parent === column.parent,
  );
}

function place({ path, line }: Statement): string {
  return `${path}:${line}`;
}
