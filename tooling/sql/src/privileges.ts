import { textProperty, type Facet, type Json } from "./catalog.ts";

/** Statements that turn the privileges on an object from one state into another. */
export function privilegeStatements(before: Facet | undefined, after: Facet | undefined): string[] {
  const facet = after ?? before;
  if (facet === undefined) return [];
  const [held, wanted] = [grantsOf(before, facet), grantsOf(after, facet)];
  return [
    ...statements(
      "revoke",
      "from",
      facet,
      held.filter((grant) => !wanted.includes(grant)),
    ),
    ...statements(
      "grant",
      "to",
      facet,
      wanted.filter((grant) => !held.includes(grant)),
    ),
  ];
}

/** A missing facet means that the object has the privileges it was born with. */
function grantsOf(side: Facet | undefined, facet: Facet): readonly string[] {
  return side === undefined ? texts(facet.definition["default"]) : texts(side.definition["grants"]);
}

function statements(
  verb: string,
  preposition: string,
  facet: Facet,
  grants: readonly string[],
): string[] {
  const privileges = new Map<string, string[]>();
  for (const grant of grants) {
    const [privilege = "", role = ""] = grant.split(" to ");
    privileges.set(role, [...(privileges.get(role) ?? []), privilege]);
  }
  return [...privileges].map(([role, names]) => {
    const { columns, target } = targetOf(facet);
    const grantee = role.replace(/^owner\b/, "current_user");
    const bare = verb === "revoke" ? grantee.replace(" with grant option", "") : grantee;
    return `${verb} ${names.map((name) => name + columns).join(", ")} on ${target} ${preposition} ${bare};`;
  });
}

function targetOf(facet: Facet): { columns: string; target: string } {
  const [of, identity] = [textProperty(facet, "of"), textProperty(facet, "identity")];
  if (of.endsWith(" column")) {
    const dot = identity.lastIndexOf(".");
    return { columns: ` (${identity.slice(dot + 1)})`, target: `table ${identity.slice(0, dot)}` };
  }
  return { columns: "", target: `${targetKinds[of] ?? of} ${identity}` };
}

const targetKinds: Readonly<Record<string, string>> = {
  aggregate: "function",
  view: "table",
  "materialized view": "table",
  "foreign table": "table",
  "composite type": "type",
  domain: "type",
};

function texts(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
