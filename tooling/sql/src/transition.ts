import { findAffected } from "./affected.ts";
import { dataInstructions } from "./by-hand.ts";
import type { Facet } from "./catalog.ts";
import { arrange, planCreations, type Creation } from "./creations.ts";
import { dropEach } from "./drop-order.ts";
import type { Built } from "./replay.ts";
import { findReplaceable } from "./replaceable.ts";
import { routeBetween } from "./route.ts";
import type { Scratch } from "./scratch.ts";
import { planSides } from "./sides.ts";
import { parentsIn } from "./wholes.ts";

/** The statements that lead from one state to another, in the order of these fields. */
export interface Transition {
  readonly drops: readonly string[];
  /** Instructions for a person, whose statements belong here. */
  readonly byHand: readonly string[];
  readonly creations: readonly Creation[];
  /** Row security, privileges and comments taken away. */
  readonly sides: readonly string[];
}

export function isEmpty({ drops, byHand, creations, sides }: Transition): boolean {
  return drops.length + byHand.length + creations.length + sides.length === 0;
}

/** Plans a transition in a scratch database that is in the first state, and leaves it there. */
export async function planTransition(
  scratch: Scratch,
  from: Built,
  to: Built,
): Promise<Transition> {
  const route = routeBetween(scratch, from, to);
  const replaceable = await findReplaceable(route);
  const { dropped, byHand } = findAffected(route, replaceable);
  const drops = dropEach(withoutParts(dropped, from), from.dependencies);
  const planned = planCreations(route, { dropped, replaceable });
  return {
    drops,
    byHand: [...byHand, ...dataInstructions(route), ...planned.byHand],
    creations: await arrange(route, drops, planned.creations),
    sides: planSides(route, dropped),
  };
}

/** A view's triggers go with the view. */
function withoutParts(dropped: ReadonlySet<Facet>, { catalog }: Built): Facet[] {
  const parentOf = parentsIn(catalog);
  return [...dropped].filter((facet) => {
    const parent = parentOf(facet);
    return parent === undefined || !dropped.has(parent);
  });
}
