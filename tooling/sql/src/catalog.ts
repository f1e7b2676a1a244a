import { readFileSync } from "node:fs";
import type { Scratch } from "./scratch.ts";

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json };

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
  return !isCode(facet) && !sideKinds.has(facet.kind);
}

/** What is written in full when it changes: it has a text of its own and no data. */
export function isCode(facet: Facet): boolean {
  return codeKinds.has(facet.kind);
}

/** A property that is a text in every facet of that kind. */
export function textProperty({ definition }: Facet, property: string): string {
  const value = definition[property];
  return typeof value === "string" ? value : "";
}

export async function readCatalog({ client }: Scratch): Promise<Catalog> {
  await client.query("set search_path to ''");
  const { rows } = await client.query<Facet>({ name: "catalog", text: query });
  return new Map(rows.map((facet) => [facet.key, facet]));
}

/** Object ids grow, so that in a database built in one go they tell the order of creation. */
export function newestFirst(left: Facet, right: Facet): number {
  return objectId(right) - objectId(left);
}

/** What is enough of a facet to see that it changed. */
export interface Print {
  readonly key: string;
  readonly address: string | null;
  readonly hash: string;
}

export type Prints = ReadonlyMap<string, Print>;

/** A catalog in short, quick enough to read after every statement. */
export async function readPrints({ client }: Scratch): Promise<Prints> {
  await client.query("set search_path to ''");
  const { rows } = await client.query<Print>({ name: "prints", text: printsQuery });
  return new Map(rows.map((print) => [print.key, print]));
}

function objectId({ address }: Facet): number {
  return Number(address?.split(":")[1] ?? 0);
}

const codeKinds = new Set([
  "function",
  "procedure",
  "aggregate",
  "view",
  "trigger",
  "policy",
  "rule",
]);

/** Sides of an object, which go away with it. */
const sideKinds = new Set(["comment", "privileges", "row security"]);

const query = readFileSync(new URL("./catalog.sql", import.meta.url), "utf8");

const printsQuery = `select f.key, f.address, md5(concat(f.definition, f.address)) as hash from (${query}) f`;
