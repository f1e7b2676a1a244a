import type { Catalog, Facet } from "./catalog.ts";
import type { SqlFile } from "./sql-file.ts";

/** First line of a step that destroys data: core asks for consent when it sees one. */
export function dataLossHeader(lost: readonly Facet[]): string {
  return lost.length === 0
    ? ""
    : `-- destroys data: ${lost.map((facet) => facet.name).join(", ")}\n`;
}

/** Tables, and columns of tables that stay, which one catalog holds and the other does not. */
export function lostData(before: Catalog, after: Catalog): Facet[] {
  const lost = [...before.values()].filter((facet) => !after.has(facet.key));
  const tables = lost.filter((facet) => facet.kind === "table");
  const addresses = new Set(tables.map((table) => table.address));
  const columns = lost.filter((facet) => facet.kind === "column" && !addresses.has(facet.parent));
  return [...tables.filter((table) => !addresses.has(table.parent)), ...columns];
}

export function missingDataLossHeader(down: SqlFile, before: Catalog, after: Catalog): string[] {
  const lost = lostData(before, after);
  if (lost.length === 0 || /^-- destroys data: \S/m.test(down.text)) return [];
  return [
    `${down.path} drops data and does not say so: begin it with "${dataLossHeader(lost).trim()}"`,
  ];
}
