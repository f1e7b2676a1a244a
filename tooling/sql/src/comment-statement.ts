import { textProperty, type Facet } from "./catalog.ts";

/** The statement that takes a comment away. */
export function uncommentStatement(facet: Facet): string {
  return `comment on ${target(textProperty(facet, "of"), textProperty(facet, "identity"))} is null;`;
}

function target(of: string, identity: string): string {
  if (of.endsWith(" column")) return `column ${identity}`;
  if (of === "table constraint") return `constraint ${identity}`;
  if (of === "domain constraint") return `constraint ${identity.replace(" on ", " on domain ")}`;
  return `${of} ${identity}`;
}
