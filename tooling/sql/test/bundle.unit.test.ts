import { describe, expect, it } from "vitest";

import { bundle, copyToDist } from "../src/bundle.ts";
import { createFixture } from "./fixture.ts";

describe("bundle", () => {
  it("inlines every step in order, and writes only what changed", () => {
    using fixture = createFixture({ "schema.sql": "create schema demo;\n" });
    fixture.write("migrations/demo/0002_more.up.sql", "select `2`;\n");
    fixture.write("migrations/demo/0002_more.down.sql", "select '\\2';\n");
    fixture.write("migrations/demo/0001_init.up.sql", "select $$1$$;\n");
    fixture.write("migrations/demo/0001_init.down.sql", "drop schema demo;\n");
    expect(bundle(fixture)).toEqual([`${fixture.root}/packages/demo/src/migrations.gen.ts`]);
    const text = fixture.read("packages/demo/src/migrations.gen.ts");
    const steps = text.slice(text.indexOf("= [", text.indexOf("migrations: readonly")));
    expect(text).toContain('export const packageVersion: string = "0.0.0";');
    expect(
      steps.match(/(?<=(?:name|up|down): ).*(?=,)/g)?.map((value) => JSON.parse(value)),
    ).toEqual([
      "0001_init",
      "select $$1$$;\n",
      "drop schema demo;\n",
      "0002_more",
      "select `2`;\n",
      "select '\\2';\n",
    ]);
    expect(bundle(fixture)).toEqual([]);
  });

  it("joins the files of core, which has no history", () => {
    using fixture = createFixture({ "schema.sql": "create schema demo;\n" });
    fixture.write("packages/core/package.json", '{"version": "1.2.3"}');
    fixture.write("packages/core/sql/module.sql", "\\ir a.sql\n\\ir b.sql\n");
    fixture.write("packages/core/sql/a.sql", "select 1;\n");
    fixture.write("packages/core/sql/b.sql", "select 2;\n");
    bundle(fixture);
    const text = fixture.read("packages/core/src/schema.gen.ts");
    expect(text).toContain('export const packageVersion: string = "1.2.3";');
    expect(text).toContain('export const coreSchemaSql: string = "select 1;\\n\\nselect 2;\\n";');
  });

  it("refuses a gap, half a pair and a stranger in a history", () => {
    using fixture = createFixture({ "schema.sql": "create schema demo;\n" });
    fixture.write("migrations/demo/0002_late.up.sql", "select 2;\n");
    expect(() => bundle(fixture)).toThrow("migrations/demo/0002_late: expected step 0001_…");
    fixture.write("migrations/demo/0001_init.up.sql", "select 1;\n");
    expect(() => bundle(fixture)).toThrow("migrations/demo/0001_init.down.sql is missing");
    fixture.write("migrations/demo/notes.txt", "");
    expect(() => bundle(fixture)).toThrow("migrations/demo/notes.txt: history holds only");
  });

  it("copies a history beside the build, without what an older build left there", () => {
    using fixture = createFixture({ "schema.sql": "create schema demo;\n" });
    fixture.write("migrations/demo/0001_init.up.sql", "select 1;\n");
    fixture.write("packages/demo/dist/migrations/demo/0009_gone.up.sql", "select 9;\n");
    copyToDist(fixture, "demo");
    expect(fixture.read("packages/demo/dist/migrations/demo/0001_init.up.sql")).toBe("select 1;\n");
    expect(() => fixture.read("packages/demo/dist/migrations/demo/0009_gone.up.sql")).toThrow(
      "ENOENT",
    );
  });
});
