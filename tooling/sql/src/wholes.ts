import type { Catalog, Facet } from "./catalog.ts";

/** Finds the facet that another one belongs to: a policy's table, a comment's function. */
export function parentsIn(catalog: Catalog): (facet: Facet) => Facet | undefined {
  const byAddress = new Map([...catalog.values()].map((facet) => [facet.address, facet]));
  return ({ parent }) => {
    if (parent === null) return undefined;
    return byAddress.get(parent) ?? byAddress.get(parent.replace(/:\d+$/, ":0"));
  };
}

/** Finds the object that a facet disappears with, itself when it stands alone. */
export function wholesIn(catalog: Catalog): (facet: Facet) => Facet {
  const parentOf = parentsIn(catalog);
  return function wholeOf(facet): Facet {
    const parent = parentOf(facet);
    return parent === undefined ? facet : wholeOf(parent);
  };
}
