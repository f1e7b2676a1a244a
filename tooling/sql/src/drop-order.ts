import { newestFirst, type Catalog, type Facet } from "./catalog.ts";
import type { Dependency } from "./dependencies.ts";
import { dropStatement } from "./drop-statement.ts";
import { Refusal } from "./refusal.ts";
import { wholesIn } from "./wholes.ts";

/** Statements that drop every given object and nothing else: what others need goes last, the newest first. */
export function dropWholes(
  facets: readonly Facet[],
  catalog: Catalog,
  dependencies: readonly Dependency[],
): string[] {
  const wholeOf = wholesIn(catalog);
  const ties = dependencies.map(({ dependent, needed }) => ({
    by: dependent,
    from: wholeOf(dependent),
    to: wholeOf(needed),
  }));
  return order(
    facets.filter((facet) => facet.address !== null && wholeOf(facet) === facet),
    ties,
  ).map(requireDrop);
}

/** Statements that drop parts and wholes alike, each by itself. */
export function dropEach(facets: readonly Facet[], dependencies: readonly Dependency[]): string[] {
  const chosen = new Set(facets);
  const ties = dependencies
    .filter(({ dependent, needed }) => chosen.has(dependent) && chosen.has(needed))
    .map(({ dependent, needed }) => ({ by: dependent, from: dependent, to: needed }));
  return order(facets, ties).map(requireDrop);
}

/** That `by`, a part of `from` or all of it, needs `to`. */
interface Tie {
  readonly by: Facet;
  readonly from: Facet;
  readonly to: Facet;
}

function order(facets: readonly Facet[], dependencies: readonly Tie[]): Facet[] {
  const remaining = new Set(facets);
  const ordered: Facet[] = [];
  let ties = dependencies.filter(({ from, to }) => from !== to);
  while (remaining.size > 0) {
    const needed = new Set(ties.map((tie) => tie.to));
    const [free] = [...remaining].filter((facet) => !needed.has(facet)).sort(newestFirst);
    const next = free ?? detach(ties, remaining);
    ties = ties.filter(({ by, from }) => by !== next && from !== next);
    remaining.delete(next);
    ordered.push(next);
  }
  return ordered;
}

/** Breaks a circle of tables and functions by taking a trigger, policy or foreign key off its table. */
function detach(ties: readonly Tie[], remaining: ReadonlySet<Facet>): Facet {
  const [part] = ties
    .filter(
      ({ by, from, to }) =>
        detachable.has(by.kind) && by !== from && remaining.has(from) && remaining.has(to),
    )
    .map(({ by }) => by)
    .sort(newestFirst);
  if (part !== undefined) return part;
  const names = [...remaining].map((facet) => `  ${facet.key}`);
  throw new Refusal(
    "these need each other or something that stays, so that none can be dropped first:",
    ...names,
  );
}

const detachable = new Set(["trigger", "policy", "rule", "constraint"]);

function requireDrop(facet: Facet): string {
  const statement = dropStatement(facet);
  if (statement === undefined)
    throw new Refusal(`no statement can be written that drops ${facet.key}`);
  return statement;
}
