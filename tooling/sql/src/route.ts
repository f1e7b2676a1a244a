import { compareCatalogs, type Differences } from "./compare.ts";
import { holdsData } from "./catalog.ts";
import type { Built } from "./replay.ts";
import type { Scratch } from "./scratch.ts";
import type { Statement } from "./split-statements.ts";
import { tryInAnyOrder } from "./trial.ts";

/** The way from one state to another, and a database that is in the first one. */
export interface Route {
  readonly scratch: Scratch;
  readonly from: Built;
  readonly to: Built;
  readonly differences: Differences;
}

export function routeBetween(scratch: Scratch, from: Built, to: Built): Route {
  return { scratch, from, to, differences: compareCatalogs(from.catalog, to.catalog) };
}

/** Makes the new data objects as far as the target's own statements can, so that a trial finds what code refers to. */
export async function tryData({ scratch, to, differences }: Route): Promise<void> {
  const statements = differences.added
    .filter(holdsData)
    .flatMap((facet) => to.definitions.get(facet.key) ?? []);
  await tryInAnyOrder(scratch, inOrder(to, statements), (statement) => statement.text);
}

/** Statements in the order they ran, each once. */
export function inOrder(built: Built, statements: Iterable<Statement>): Statement[] {
  const chosen = new Set(statements);
  return built.statements.filter((statement) => chosen.has(statement));
}
