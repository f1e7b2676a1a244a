import { isPostkitError } from "@postkit/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parsePrincipal, parseResource, parseSubject } from "../src/references.ts";

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isPostkitError(error))
      return `${error.module}.${error.code} ${error.sqlstate}: ${error.message}`;
    throw error;
  }
  throw new Error("It was not refused.");
}

describe("parseResource", () => {
  it.each<[string, { type: string; id: string }]>([
    ["repo:api", { type: "repo", id: "api" }],
    ["repo:acme/api:v2", { type: "repo", id: "acme/api:v2" }],
    ["repo::", { type: "repo", id: ":" }],
    ["issue:api#42", { type: "issue", id: "api#42" }],
    ["repo:", { type: "repo", id: "" }],
    [":api", { type: "", id: "api" }],
    ["url:https://a.example/b?c#d", { type: "url", id: "https://a.example/b?c#d" }],
    ["doc:cafe\u0301", { type: "doc", id: "cafe\u0301" }],
    ["doc: a ", { type: "doc", id: " a " }],
  ])("takes %j apart at the first colon", (text, parts) => {
    expect(parseResource(text)).toEqual(parts);
  });

  it("takes parts as they are, and nothing else of an object", () => {
    expect(parseResource({ type: "repo", id: "a:b#c" })).toEqual({ type: "repo", id: "a:b#c" });
    const row = { type: "repo", id: "1", name: "api" };
    expect(parseResource(row)).toEqual({ type: "repo", id: "1" });
  });

  it.each(["", "repo", "repo#api"])("refuses %j, which has no colon", (text) => {
    expect(codeOf(() => parseResource(text))).toBe(
      `authz.VAL_IDENTIFIER_FORMAT 22023: resource must be "type:id", not ${JSON.stringify(text)}`,
    );
  });

  it("refuses a NUL, which the database could not even be sent", () => {
    for (const input of ["repo:a\0b", { type: "repo", id: "a\0b" }]) {
      expect(codeOf(() => parseResource(input))).toBe(
        "authz.VAL_ID_INVALID_CHARS 22023: resource contains a NUL character",
      );
    }
  });

  it.each([undefined, null, 42, true])("refuses %j of an untyped program with a code", (input) => {
    expect(codeOf(() => parseResource(input as unknown as string))).toMatch(
      /^authz\.VAL_IDENTIFIER_FORMAT /,
    );
  });

  it("refuses an undefined part by its name: a missing field of a row must not change what is asked", () => {
    const typeless = { type: undefined, id: "1" } as unknown as { type: string; id: string };
    const idless = { type: "doc", id: undefined } as unknown as { type: string; id: string };
    expect(codeOf(() => parseResource(typeless))).toBe(
      "authz.VAL_IDENTIFIER_NULL 22004: resource has no type",
    );
    expect(codeOf(() => parseResource(idless))).toBe("authz.VAL_ID_NULL 22004: resource has no id");
    expect(codeOf(() => parseSubject(idless))).toBe("authz.VAL_ID_NULL 22004: subject has no id");
  });

  it("gives back every pair that it is given in parts", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (type, id) => {
        fc.pre(!id.includes("\0"));
        expect(parseResource({ type, id })).toEqual({ type, id });
      }),
    );
  });
});

describe("parseSubject", () => {
  it.each<[string, { type: string; id: string; relation: string | undefined }]>([
    ["user:alice", { type: "user", id: "alice", relation: undefined }],
    ["team:eng#member", { type: "team", id: "eng", relation: "member" }],
    ["team:a:b#member", { type: "team", id: "a:b", relation: "member" }],
    ["team:c#sharp#member", { type: "team", id: "c#sharp", relation: "member" }],
    ["team:#member", { type: "team", id: "", relation: "member" }],
  ])("takes %j apart", (text, parts) => {
    expect(parseSubject(text)).toEqual(parts);
  });

  it("takes parts as they are: a # in an id is no relation", () => {
    expect(parseSubject({ type: "user", id: "a#b" })).toEqual({
      type: "user",
      id: "a#b",
      relation: undefined,
    });
    expect(parseSubject({ type: "team", id: "a#b", relation: "member" })).toEqual({
      type: "team",
      id: "a#b",
      relation: "member",
    });
  });

  it("takes a null relation, as a row of a table has it, for none", () => {
    const row = { type: "user", id: "alice", relation: null } as unknown as {
      type: string;
      id: string;
    };
    expect(parseSubject(row)).toEqual({ type: "user", id: "alice", relation: undefined });
    expect(parsePrincipal(row)).toEqual({ type: "user", id: "alice" });
  });

  it.each(["", "team", "team#member", "te#am"])("refuses %j, which has no colon", (text) => {
    expect(codeOf(() => parseSubject(text))).toMatch(
      /^authz\.VAL_IDENTIFIER_FORMAT 22023: subject must be "type:id"/,
    );
  });

  it("refuses a NUL wherever the id has it", () => {
    for (const input of ["user:a\0", { type: "user", id: "\0" }, "team:\0#member"]) {
      expect(codeOf(() => parseSubject(input))).toMatch(
        /^authz\.VAL_ID_INVALID_CHARS 22023: subject /,
      );
    }
  });
});

describe("parsePrincipal", () => {
  it("takes a subject that is one", () => {
    expect(parsePrincipal("user:alice")).toEqual({ type: "user", id: "alice" });
    expect(parsePrincipal({ type: "user", id: "a#b" })).toEqual({ type: "user", id: "a#b" });
  });

  it.each(["team:eng#member", { type: "team", id: "eng", relation: "member" }])(
    "refuses the holders of a relation, who cannot ask: %j",
    (input) => {
      expect(codeOf(() => parsePrincipal(input))).toBe(
        "authz.VAL_ID_INVALID_CHARS 22023: subject must be one subject here, not the holders of #member on it",
      );
    },
  );
});

it("refuses a subject whose relation is empty, which would mean the holders of any", () => {
  expect(() => parseSubject("team:eng#")).toThrow(
    expect.objectContaining({ module: "authz", code: "VAL_IDENTIFIER_EMPTY" }),
  );
});
