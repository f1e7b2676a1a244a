import { holdsData, isCode, type Facet } from "./catalog.ts";
import { createOrReplace, objectsOf } from "./replaceable.ts";
import { inOrder, tryData, type Route } from "./route.ts";
import { undone } from "./scratch.ts";
import type { Statement } from "./split-statements.ts";
import { tryInAnyOrder } from "./trial.ts";
import { parentsIn } from "./wholes.ts";

/** A statement of the target state, turned into `create or replace` where that is enough. */
export interface Creation {
  readonly statement: Statement;
  readonly text: string;
}

/** The statements that make what is new, changed or made again, and instructions for what they cannot make alone. */
export function planCreations(
  route: Route,
  { dropped, replaceable }: { dropped: ReadonlySet<Facet>; replaceable: ReadonlySet<string> },
): { creations: Creation[]; byHand: string[] } {
  const { to } = route;
  const gone = new Set([...dropped].map((facet) => facet.key));
  const parentOf = parentsIn(to.catalog);
  const isLostComment = (facet: Facet) =>
    facet.kind === "comment" && gone.has(parentOf(facet)?.key ?? "");
  const { added, changed } = route.differences;
  const fresh = new Set([...added, ...changed.map(({ after }) => after)].filter(isWritten));
  const facets = [...to.catalog.values()].filter(
    (facet) => gone.has(facet.key) || fresh.has(facet) || isLostComment(facet),
  );
  const mixed = facets.filter((facet) =>
    statementsOf(route, facet).some((statement) => makesData(route, statement)),
  );
  const plain = facets.filter((facet) => !mixed.includes(facet));
  const statements = inOrder(
    to,
    plain.flatMap((facet) => statementsOf(route, facet)),
  );
  const inPlace = (statement: Statement) =>
    objectsOf(to, statement).some((key) => replaceable.has(key) && !gone.has(key));
  return {
    creations: statements.map((statement) => ({
      statement,
      text: inPlace(statement) ? createOrReplace(statement.text) : statement.text,
    })),
    byHand: mixed.map(
      (facet) => `create ${facet.key} as a statement does that makes data objects too`,
    ),
  };
}

/** Puts creations into an order that works, as far as that can be tried before the data objects are written. */
export async function arrange(
  route: Route,
  drops: readonly string[],
  creations: readonly Creation[],
): Promise<Creation[]> {
  return undone(route.scratch, async () => {
    await tryInAnyOrder(route.scratch, drops, (text) => text);
    await tryData(route);
    const { done, failed } = await tryInAnyOrder(
      route.scratch,
      creations,
      (creation) => creation.text,
    );
    return [...done, ...failed];
  });
}

function statementsOf({ to }: Route, facet: Facet): readonly Statement[] {
  return to.definitions.get(facet.key) ?? [];
}

function makesData({ to }: Route, statement: Statement): boolean {
  return objectsOf(to, statement).some((key) => {
    const facet = to.catalog.get(key);
    return facet !== undefined && holdsData(facet);
  });
}

function isWritten(facet: Facet): boolean {
  return isCode(facet) || facet.kind === "comment";
}
