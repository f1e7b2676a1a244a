import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readStatements, splitStatements } from "../src/split-statements.ts";

const file = (text: string) => ({ path: "a.sql", text });
const texts = (text: string) => readStatements(file(text)).map((statement) => statement.text);

describe("splitStatements", () => {
  it("cuts at semicolons and nowhere else", () => {
    expect(texts("select 1; select 2;\n")).toEqual(["select 1;", "select 2;"]);
    expect(texts("select ';', E'\\';', \"a;\"\"b\", 'it''s;';")).toHaveLength(1);
    expect(texts("select $$ ; $$, $a$ ; $$ ; $b$ ; $a$;")).toHaveLength(1);
    expect(texts("create rule r as on insert to t do (select 1; select 2);")).toHaveLength(1);
  });

  it("does not take a name with a dollar, a parameter or a word ending in e for a quote", () => {
    expect(texts("select a$b$c; select d$b$e;")).toHaveLength(2);
    expect(texts("select $1; select $2;")).toHaveLength(2);
    expect(texts("select note'\\'; select 2;")).toEqual(["select note'\\';", "select 2;"]);
  });

  it("keeps comments, nested ones too, in front of their statement and the rest of a line behind it", () => {
    const [first, second, end] = splitStatements(file("-- a;\n/* b /* ; */ ; */ select 1; -- c;\n\nselect 2;\n-- d\n"));
    expect(first).toMatchObject({ lead: "-- a;\n/* b /* ; */ ; */ ", text: "select 1;", tail: " -- c;", line: 2 });
    expect(second).toMatchObject({ lead: "\n\n", text: "select 2;", line: 4 });
    expect(end).toMatchObject({ lead: "\n-- d\n", text: "" });
  });

  it("gives key words without what is quoted or commented", () => {
    const [statement] = readStatements(file("create -- concurrently\nindex \"concurrently\" on t (x) where y = 'z';"));
    expect(statement?.bare).not.toMatch(/concurrently|z/);
  });

  it("names the line of what is never closed", () => {
    expect(() => texts("select 1;\nselect 'a;\n")).toThrow("a.sql:2: ' is never closed");
    expect(() => texts("\n\n/* a /* b */")).toThrow("a.sql:3: /* is never closed");
    expect(() => texts("do $x$ begin end $$;")).toThrow("a.sql:1: $x$ is never closed");
    expect(() => texts("select 1;\n\nselect 2\n")).toThrow("a.sql:3: this statement has no semicolon at its end");
  });

  it("gives every text back when its parts are joined", () => {
    const piece = fc.constantFrom(
      ..."';$\"()\\-/*eE\n a1".split(""),
      ...["--", "/*", "*/", "$$", "$a$", "E'", "''", "select", ";\n", " -- x\n", "'a;b'", "$$;$$", "/*;/**/*/"],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join("")), (text) => {
        const parts = splitOrRefuse(text);
        if (parts !== undefined) expect(parts.map(({ lead, text, tail }) => lead + text + tail).join("")).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });
});

function splitOrRefuse(text: string) {
  try {
    return splitStatements(file(text));
  } catch (error) {
    expect(String(error)).toMatch(/a\.sql:\d+: .*(never closed|no semicolon)/);
    return undefined;
  }
}
