import type { Facet } from "./catalog.ts";

/** The statement that removes an object and nothing that depends on it; undefined where there is none. */
export function dropStatement({ kind, name, definition }: Facet): string | undefined {
  if (kind === "table" && definition["kind"] === "f") return `drop foreign table ${name};`;
  if (kind === "constraint") return dropConstraint(name);
  return droppable.has(kind) ? `drop ${kind} ${name};` : undefined;
}

const droppable = new Set([
  "schema",
  "table",
  "view",
  "materialized view",
  "sequence",
  "type",
  "index",
  "statistics",
  "function",
  "procedure",
  "aggregate",
  "trigger",
  "policy",
  "rule",
]);

function dropConstraint(name: string): string {
  const [constraint, table] = name.split(" on ");
  return `alter table ${table} drop constraint ${constraint};`;
}
