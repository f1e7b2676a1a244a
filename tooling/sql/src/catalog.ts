import { readFileSync } from "node:fs";
import type { Scratch } from "./scratch.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** One thing a catalog holds, or one side of it that changes on its own: a function, its comment, its privileges. */
export interface Facet {
  readonly kind: string;
  readonly name: string;
  /** `kind name`, the same in every database. */
  readonly key: string;
  /** `catalog:oid:column` in this database; null for what cannot be depended on. */
  readonly address: string | null;
  /** Address of the object this one belongs to. */
  readonly parent: string | null;
  readonly definition: { readonly [property: string]: Json };
}

export type Catalog = ReadonlyMap<string, Facet>;

/** What a person must change by hand: it holds data, or its change takes locks or time. */
export function holdsData(facet: Facet): boolean {
  return !codeKinds.has(facet.kind);
}

export async function readCatalog({ client }: Scratch): Promise<Catalog> {
  await client.query("set search_path to ''");
  const { rows } = await client.query<Facet>({ name: "catalog", text: query });
  return new Map(rows.map((facet) => [facet.key, facet]));
}

const codeKinds = new Set([
  ...["function", "procedure", "aggregate", "view", "trigger", "policy", "rule"],
  ...["row security", "comment", "privileges"],
]);

const query = readFileSync(new URL("./catalog.sql", import.meta.url), "utf8");
