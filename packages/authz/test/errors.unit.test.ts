import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { authz, authzErrors } from "@postkit/authz";
import { describe, expect, it } from "vitest";

const folder = fileURLToPath(new URL("../sql/", import.meta.url));

const sources = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".sql"))
  .map((path) => ({ path, text: readFileSync(`${folder}/${path}`, "utf8") }));

/** The kinds whose validation is shared: what `_validate_text` and `_validate_id` are called with. */
const prefixes = {
  all: new Set(["VAL_ID"]),
  id: new Set(["VAL_ID"]),
};
for (const { text } of sources) {
  for (const [, name, prefix] of text.matchAll(
    /authz\._validate_(text|id)\([^)]*'(VAL_[A-Z]+)'\)/g,
  )) {
    if (prefix === undefined) continue;
    prefixes.all.add(prefix);
    if (name === "id") prefixes.id.add(prefix);
  }
}

const hinted = /raise exception[^;]*?using errcode = '(\w{5})',\s*hint = ([^;]+);/g;

interface Raise {
  readonly path: string;
  readonly code: string;
  readonly sqlstate: string;
}

const raises = sources.flatMap(({ path, text }): Raise[] =>
  [...text.matchAll(hinted)].flatMap(([, sqlstate = "", hint = ""]) =>
    codesOf(path, hint.trim()).map((code) => ({ path, code, sqlstate })),
  ),
);

function codesOf(path: string, hint: string): string[] {
  const whole = /^'postkit:authz:([A-Z_]+)'$/.exec(hint)?.[1];
  if (whole !== undefined) return [whole];
  const end = /^'postkit:authz:' \|\| p_prefix \|\| '(_[A-Z_]+)'$/.exec(hint)?.[1];
  if (end === undefined)
    throw new Error(`${path} raises with a hint that this test cannot read: ${hint}`);
  const kinds = path.includes("_validate_text") ? prefixes.all : prefixes.id;
  return [...kinds].map((prefix) => `${prefix}${end}`);
}

describe("the registry of error codes", () => {
  it("has each code that the SQL raises, with its SQLSTATE, and no other", () => {
    const raised = Object.fromEntries(raises.map(({ code, sqlstate }) => [code, sqlstate]));
    expect(raised).toEqual(authzErrors);
  });

  it("knows each code by one SQLSTATE alone", () => {
    const pairs = new Set(raises.map(({ code, sqlstate }) => `${code} ${sqlstate}`));
    expect(pairs.size).toBe(Object.keys(authzErrors).length);
  });

  it("is found whole: every raise has a code, except for a conflict that is worth another try", () => {
    const all = sources.flatMap(({ text }) => [
      ...withoutComments(text).matchAll(/raise exception[^;]*;/g),
    ]);
    const bare = all
      .map(([statement]) => statement)
      .filter((statement) => !statement.includes("hint ="));
    const sqlstates = bare.map((statement) => /errcode = '(\w{5})'/.exec(statement)?.[1] ?? "");
    // No database in UTF8, when the module is installed; a grant that changes under every attempt to write it, or
    // to transfer it.
    expect(sqlstates.sort()).toEqual(["0A000", "40001", "40001"]);
    expect(
      sources.flatMap(({ path, text }) => [...text.matchAll(hinted)].map(() => path)),
    ).toHaveLength(all.length - bare.length);
  });

  it("is what the header comments of the functions promise", () => {
    const promised = sources.flatMap(({ path, text }) => {
      const header = text.slice(0, text.search(/^create /m)).replaceAll(/\n--\s+/g, " ");
      const raised = /Raises (.*?)(?= (?:Writes|Example|Returns) |$)/s.exec(header)?.[1] ?? "";
      return [...raised.matchAll(/(?<![<A-Z_])([A-Z]{3}_[A-Z_]+) \((\w{5})\)/g)].map(
        ([, code = "", sqlstate]) => ({
          path,
          code,
          sqlstate,
        }),
      );
    });
    expect(promised.length).toBeGreaterThan(50);
    const wrong = promised.filter(
      ({ code, sqlstate }) => (authzErrors as Record<string, string>)[code] !== sqlstate,
    );
    expect(wrong).toEqual([]);
  });

  it("is the one that the module hands to core", () => {
    expect(authz.errors).toBe(authzErrors);
  });
});

function withoutComments(text: string): string {
  return text.replaceAll(/^\s*--.*$/gm, "");
}
