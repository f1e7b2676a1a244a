import type { Facet } from "./catalog.ts";

/** The statement that takes a comment away. */
export function uncommentStatement({ definition }: Facet): string {
  return `comment on ${target(String(definition["of"]), String(definition["identity"]))} is null;`;
}

function target(of: string, identity: string): string {
  if (of.endsWith(" column")) return `column ${identity}`;
  if (of === "table constraint") return `constraint ${identity}`;
  if (of === "domain constraint") return `constraint ${identity.replace(" on ", " on domain ")}`;
  return `${of} ${identity}`;
}
