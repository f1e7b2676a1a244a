import type { Catalog, Facet } from "./catalog.ts";
import type { Dependency } from "./dependencies.ts";
import { dropStatement } from "./drop-statement.ts";
import { Refusal } from "./refusal.ts";

/** Statements that drop every given object and nothing else: what others need goes last, the newest first. */
export function dropAll(facets: readonly Facet[], catalog: Catalog, dependencies: readonly Dependency[]): string[] {
  const wholeOf = wholesOf(catalog);
  const remaining = new Set(facets.filter((facet) => wholeOf(facet) === facet));
  const dropped: Facet[] = [];
  let ties = dependencies
    .map(({ dependent, needed }) => ({ by: dependent, from: wholeOf(dependent), to: wholeOf(needed) }))
    .filter(({ from, to }) => from !== to);
  while (remaining.size > 0) {
    const needed = new Set(ties.map((tie) => tie.to));
    const free = [...remaining].filter((facet) => !needed.has(facet)).sort(newestFirst);
    const next = free.length > 0 ? free.slice(0, 1) : detach(ties, remaining);
    ties = ties.filter(({ by, from }) => !next.includes(by) && !next.includes(from));
    next.forEach((facet) => remaining.delete(facet));
    dropped.push(...next);
  }
  return dropped.map(requireDrop);
}

/** That `by`, a part of `from`, needs something in `to`. */
interface Tie {
  readonly by: Facet;
  readonly from: Facet;
  readonly to: Facet;
}

/** The object that a facet disappears with: a policy's table, a partition's root. */
function wholesOf(catalog: Catalog): (facet: Facet) => Facet {
  const byAddress = new Map([...catalog.values()].map((facet) => [facet.address, facet]));
  return function wholeOf(facet): Facet {
    const parent = facet.parent === null ? undefined : byAddress.get(facet.parent);
    return parent === undefined ? facet : wholeOf(parent);
  };
}

/** Breaks a circle of tables and functions by taking triggers, policies and foreign keys off the tables. */
function detach(ties: readonly Tie[], remaining: ReadonlySet<Facet>): Facet[] {
  const parts = ties
    .filter(({ by, from, to }) => detachable.has(by.kind) && remaining.has(from) && remaining.has(to))
    .map(({ by }) => by);
  if (parts.length === 0) {
    const names = [...remaining].map((facet) => `  ${facet.key}`);
    throw new Refusal("these need each other, so that none can be dropped first:", ...names);
  }
  return [...new Set(parts)].sort(newestFirst);
}

const detachable = new Set(["trigger", "policy", "rule", "constraint"]);

function requireDrop(facet: Facet): string {
  const statement = dropStatement(facet);
  if (statement === undefined) throw new Refusal(`no down step can be written for ${facet.key}`);
  return statement;
}

function newestFirst(left: Facet, right: Facet): number {
  return age(right) - age(left);
}

/** Object ids grow, so that in a database built in one go they tell the order of creation. */
function age({ address }: Facet): number {
  return Number(address?.split(":")[1] ?? 0);
}
