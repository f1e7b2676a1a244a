import { describe, expect, it } from "vitest";

import { findUnlisted, readModule } from "../src/read-module.ts";
import { createFixture } from "./fixture.ts";

describe("readModule", () => {
  it("gives the files in the order of module.sql", () => {
    using fixture = createFixture({ "schema.sql": "select 1;\n", "a/b.sql": "select 2;\n" });
    fixture.write("packages/demo/sql/module.sql", "-- contents\n\n\\ir a/b.sql\n\\ir schema.sql\n");
    expect(readModule(fixture, "demo")).toEqual([
      { name: "a/b.sql", path: "packages/demo/sql/a/b.sql", text: "select 2;\n" },
      { name: "schema.sql", path: "packages/demo/sql/schema.sql", text: "select 1;\n" },
    ]);
  });

  it.each([
    ["select 1;", ':2: only "\\ir path" lines and comments may stand here: select 1;'],
    ["\\i schema.sql", ':2: only "\\ir path" lines and comments may stand here'],
    ["\\ir ../schema.sql", ":2: not a plain path to a .sql file inside this folder: ../schema.sql"],
    ["\\ir nowhere.sql", ":2: there is no file nowhere.sql"],
    ["\\ir schema.sql", ":2: schema.sql is loaded by line 1 already"],
  ])("refuses the line %s and names its place", (line, message) => {
    using fixture = createFixture({ "schema.sql": "select 1;\n" });
    fixture.write("packages/demo/sql/module.sql", `\\ir schema.sql\n${line}\n`);
    expect(() => readModule(fixture, "demo")).toThrow(`packages/demo/sql/module.sql${message}`);
  });

  it("refuses other line endings than LF, and a byte order mark", () => {
    using fixture = createFixture({ "schema.sql": "select 1;\nselect 2;\r\n" });
    expect(() => readModule(fixture, "demo")).toThrow(
      "packages/demo/sql/schema.sql:2: save the file with LF line endings",
    );
    fixture.write("packages/demo/sql/schema.sql", "\uFEFFselect 1;\n");
    expect(() => readModule(fixture, "demo")).toThrow("schema.sql:1: save the file without a byte");
  });
});

describe("findUnlisted", () => {
  it("names every file that module.sql does not load", () => {
    using fixture = createFixture({ "schema.sql": "select 1;\n" });
    fixture.write("packages/demo/sql/a/lost.sql", "select 1;\n");
    fixture.write("packages/demo/sql/a/README.md", "# A\n");
    expect(findUnlisted(fixture, "demo", readModule(fixture, "demo"))).toEqual([
      "packages/demo/sql/a/lost.sql: no \\ir line in module.sql loads it; add one or delete the file",
    ]);
  });
});
