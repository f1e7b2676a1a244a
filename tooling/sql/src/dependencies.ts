import { readFileSync } from "node:fs";
import type { Catalog, Facet } from "./catalog.ts";
import type { Scratch } from "./scratch.ts";

/** A facet that cannot stand without another, both as Postgres records them. */
export interface Dependency {
  readonly dependent: Facet;
  readonly needed: Facet;
}

/** Reads who needs whom; what is no facet itself (a row type, a view's rule, a default) counts as the facet it is part of. */
export async function readDependencies(
  { client }: Scratch,
  catalog: Catalog,
): Promise<Dependency[]> {
  const { rows } = await client.query<Row>(query);
  const facets = new Map([...catalog.values()].map((facet) => [facet.address, facet]));
  const wholes = new Map(rows.filter(isPart).map((row) => [row.dependent, row.needed]));
  return rows.flatMap((row) => {
    const [dependent, needed] = [
      resolve(row.dependent, facets, wholes),
      resolve(row.needed, facets, wholes),
    ];
    return dependent === undefined || needed === undefined || dependent === needed
      ? []
      : [{ dependent, needed }];
  });
}

interface Row {
  readonly dependent: string;
  readonly needed: string;
  readonly kind: string;
}

const query = readFileSync(new URL("./dependencies.sql", import.meta.url), "utf8");

function isPart(row: Row): boolean {
  return row.kind === "i" || row.kind === "a";
}

function resolve(
  address: string,
  facets: ReadonlyMap<string | null, Facet>,
  wholes: ReadonlyMap<string, string>,
): Facet | undefined {
  const seen = new Set<string>();
  for (
    let at: string | undefined = address;
    at !== undefined && !seen.has(at);
    at = wholes.get(at)
  ) {
    seen.add(at);
    const facet = facets.get(at) ?? facets.get(withoutColumn(at));
    if (facet !== undefined) return facet;
  }
  return undefined;
}

function withoutColumn(address: string): string {
  return address.replace(/:\d+$/, ":0");
}
