import { holdsData, isCode, type Facet } from "./catalog.ts";
import { objectsOf } from "./replaceable.ts";
import type { Route } from "./route.ts";

/** What must be dropped on the way, and instructions for data objects that stand in its way. */
export interface Affected {
  readonly dropped: ReadonlySet<Facet>;
  readonly byHand: readonly string[];
}

/** Follows what goes or cannot be replaced to all code that needs it, which must be dropped with it and made again. */
export function findAffected(route: Route, replaceable: ReadonlySet<string>): Affected {
  const dropped = new Set(firstDrops(route, replaceable));
  const blocking = new Map<Facet, Facet>();
  for (const facet of dropped) {
    for (const dependent of dependentsOf(route, facet)) {
      if (isCode(dependent)) dropped.add(dependent);
      else if (holdsData(dependent) && route.to.catalog.has(dependent.key))
        blocking.set(dependent, facet);
    }
    for (const companion of companionsOf(route, facet.key)) dropped.add(companion);
  }
  const byHand = [...blocking].map(
    ([data, code]) => `free ${data.key} from ${code.key}, which is dropped and made again`,
  );
  return { dropped, byHand };
}

function firstDrops(route: Route, replaceable: ReadonlySet<string>): Facet[] {
  const { removed, changed, added } = route.differences;
  const goingCode = [...removed, ...changed.map(({ before }) => before)].filter(isCode);
  return [
    ...goingCode.filter((facet) => !replaceable.has(facet.key)),
    ...added.flatMap((facet) => companionsOf(route, facet.key)),
  ];
}

function dependentsOf({ from }: Route, facet: Facet): Facet[] {
  return from.dependencies
    .filter(({ needed }) => needed === facet)
    .map(({ dependent }) => dependent);
}

/** Code that one statement makes together with another: to run it again, all of it must be gone. */
function companionsOf({ from, to }: Route, key: string): Facet[] {
  return (to.definitions.get(key) ?? [])
    .flatMap((statement) => objectsOf(to, statement))
    .flatMap((other) => from.catalog.get(other) ?? [])
    .filter((facet) => isCode(facet));
}
