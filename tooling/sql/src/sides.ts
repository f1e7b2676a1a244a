import type { Facet } from "./catalog.ts";
import { uncommentStatement } from "./comment-statement.ts";
import { privilegeStatements } from "./privileges.ts";
import type { Route } from "./route.ts";
import { rowSecurityStatements } from "./row-security.ts";
import { parentsIn } from "./wholes.ts";

/**
 * Row security, privileges and comments to take away, on objects that exist in the target. They follow from the two
 * states alone: the source's own statements (`revoke … on all functions`) would reach further than what changed.
 */
export function planSides({ from, to }: Route, dropped: ReadonlySet<Facet>): string[] {
  const gone = new Set([...dropped].map((facet) => facet.key));
  const [parentBefore, parentAfter] = [parentsIn(from.catalog), parentsIn(to.catalog)];
  const keys = new Set([...from.catalog.keys(), ...to.catalog.keys()]);
  const inOrder = [...keys].sort((left, right) => (left < right ? -1 : 1));
  return inOrder.flatMap((key) => {
    const [earlier, after] = [from.catalog.get(key), to.catalog.get(key)];
    const parent = (after && parentAfter(after))?.key ?? (earlier && parentBefore(earlier))?.key;
    if (parent === undefined || !to.catalog.has(parent)) return [];
    return sideStatements(gone.has(parent) ? undefined : earlier, after);
  });
}

function sideStatements(before: Facet | undefined, after: Facet | undefined): string[] {
  switch ((after ?? before)?.kind) {
    case "row security":
      return rowSecurityStatements(before, after);
    case "privileges":
      return privilegeStatements(before, after);
    case "comment":
      return before !== undefined && after === undefined ? [uncommentStatement(before)] : [];
    default:
      return [];
  }
}
