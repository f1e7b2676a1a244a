import { holdsData, isCode } from "./catalog.ts";
import type { Built } from "./replay.ts";
import { tryData, type Route } from "./route.ts";
import { undone } from "./scratch.ts";
import type { Statement } from "./split-statements.ts";
import { tryInAnyOrder } from "./trial.ts";

/** Keys of the changed objects that Postgres can replace in place, found out by doing it. */
export async function findReplaceable(route: Route): Promise<ReadonlySet<string>> {
  const { scratch, to, differences } = route;
  const added = differences.added.filter(isCode).map((facet) => facet.key);
  const changed = differences.changed.map(({ after }) => after.key);
  const candidates = new Set(changed.filter((key) => isReplaceableByText(to, key)));
  const { done } = await undone(scratch, async () => {
    await scratch.client.query("set local check_function_bodies = off");
    await tryData(route);
    return tryInAnyOrder(scratch, [...candidates, ...added], (key) => textOf(to, key, candidates));
  });
  return new Set(done.filter((key) => candidates.has(key)));
}

export function createOrReplace(text: string): string {
  return text.replace(/^create\s+(or\s+replace\s+)?/i, "create or replace ");
}

/** The objects with a life of their own that a statement made or changed. */
export function objectsOf(built: Built, statement: Statement): string[] {
  return (built.effects.get(statement) ?? []).filter((key) => {
    const facet = built.catalog.get(key);
    return facet !== undefined && (isCode(facet) || holdsData(facet));
  });
}

function isReplaceableByText(built: Built, key: string): boolean {
  const statements = built.definitions.get(key) ?? [];
  const replaceable =
    /^create\s+(or\s+replace\s+)?(function|procedure|aggregate|view|trigger|rule)\b/i;
  return (
    replaceable.test(statements[0]?.text ?? "") &&
    statements.every((statement) => objectsOf(built, statement).length === 1)
  );
}

function textOf(built: Built, key: string, candidates: ReadonlySet<string>): string {
  const texts = (built.definitions.get(key) ?? []).map((statement) => statement.text);
  return texts.map((text) => (candidates.has(key) ? createOrReplace(text) : text)).join("\n");
}
