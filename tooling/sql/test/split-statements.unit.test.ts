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
    const [first, second, end] = splitStatements(
      file("-- a;\n/* b /* ; */ ; */ select 1; -- c;\n\nselect 2;\n-- d\n"),
    );
    expect(first).toMatchObject({
      lead: "-- a;\n/* b /* ; */ ; */ ",
      text: "select 1;",
      tail: " -- c;",
      line: 2,
    });
    expect(second).toMatchObject({ lead: "\n\n", text: "select 2;", line: 4 });
    expect(end).toMatchObject({ lead: "\n-- d\n", text: "" });
  });

  it("gives key words without what is quoted or commented", () => {
    const [statement] = readStatements(
      file("create -- concurrently\nindex \"concurrently\" on t (x) where y = 'z';"),
    );
    expect(statement?.bare).not.toMatch(/concurrently|z/);
  });

  it("names the line of what is never closed", () => {
    expect(() => texts("select 1;\nselect 'a;\n")).toThrow("a.sql:2: ' is never closed");
    expect(() => texts("\n\n/* a /* b */")).toThrow("a.sql:3: /* is never closed");
    expect(() => texts("do $x$ begin end $$;")).toThrow("a.sql:1: $x$ is never closed");
    expect(() => texts("select 1;\n\nselect 2\n")).toThrow(
      "a.sql:3: this statement has no semicolon at its end",
    );
  });

  it("finds as many statements as were written, whatever they hold", () => {
    const statement = fc
      .array(fc.constantFrom(...tokens), { minLength: 1, maxLength: 8 })
      .map((parts) => `select ${parts.join(" ")}`);
    fc.assert(
      fc.property(fc.array(statement), (statements) => {
        const text = statements.map((one) => `${one};`).join("\n");
        expect(texts(text)).toEqual(statements.map((one) => `${one};`));
      }),
    );
  });

  it("gives every text back when its parts are joined, or names the place that keeps it from that", () => {
    const piece = fc.oneof(fc.constantFrom(...tokens), fc.constantFrom(...edges));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join("");
        expect([text, expect.stringMatching(refusal)]).toContainEqual(splitAndJoin(text));
      }),
      { numRuns: 2000 },
    );
  });
});

const tokens = [
  "a1",
  "a$b$c",
  "$1",
  "1.5",
  "'it''s;'",
  "E'\\';'",
  '"a;""b"',
  "$$ ; ' $$",
  "$t$ ; $$ $t$",
  "(select 1; select 2)",
  "-- ;'\n",
  "/* ; /* ' */ ; */",
];

const edges = ["'", "$", '"', "E'", "--", "/*", "*/", "$$", "\\", "(", ")", ";", "\n", " ", "é"];

const refusal = /^Refusal: a\.sql:\d+: .*(is never closed|no semicolon at its end)$/;

function splitAndJoin(text: string): string {
  try {
    const parts = splitStatements(file(text));
    return parts.map((part) => part.lead + part.text + part.tail).join("");
  } catch (error) {
    return String(error);
  }
}
