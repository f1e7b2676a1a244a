import { rmSync } from "node:fs";
import { join } from "node:path";

import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { seal } from "../src/checksums.ts";
import { check, type Report } from "../src/check.ts";
import { freeze } from "../src/freeze.ts";
import { readHistory } from "../src/history.ts";
import { runSql, withScratch } from "../src/scratch.ts";
import { openServer, type Server } from "../src/server.ts";
import { demoModule } from "./demo-module.ts";
import { createFixture, type Fixture } from "./fixture.ts";
import { createFrozen, demoDown as down, demoUp as up } from "./frozen-module.ts";

let server: Server;
beforeAll(async () => {
  server = await openServer(undefined);
});
afterAll(() => server.stop());

/** Changes a step as if it had been frozen that way. */
function rewrite(fixture: Fixture, path: string, from: string, to: string): void {
  fixture.write(path, fixture.read(path).replace(from, to));
  for (const step of readHistory(fixture, "demo")) seal(fixture, step);
}

async function problems(fixture: Fixture): Promise<string[]> {
  return (await check(server, fixture, ["demo"])).flatMap((report) => report.problems);
}

describe("check", () => {
  it("reports core and every module, with what was looked at", async () => {
    using fixture = await createFrozen(server);
    fixture.write("packages/core/sql/module.sql", "\\ir schema.sql\n");
    fixture.write("packages/core/sql/schema.sql", "create schema if not exists postkit;\n");
    const reports = await check(server, fixture, []);
    expect(reports).toEqual<Report[]>([
      { module: "core", files: 1, steps: 0, durationMs: expect.any(Number), problems: [] },
      { module: "demo", files: 7, steps: 1, durationMs: expect.any(Number), problems: [] },
    ]);
  });

  it("names a sealed file that was edited, deleted or never sealed", async () => {
    using fixture = await createFrozen(server);
    fixture.write(up, `${fixture.read(up)}-- edited\n`);
    expect(await problems(fixture)).toEqual([
      `${up} was edited after it was sealed: undo that and freeze a further step`,
    ]);
    rmSync(join(fixture.root, down));
    expect(await problems(fixture)).toEqual([`${down} is missing: a step is a pair of files`]);
    rmSync(join(fixture.root, "migrations"), { recursive: true });
    expect(await problems(fixture)).toEqual(["migrations/demo is empty: freeze demo init"]);
  });

  it("names a file that nothing loads", async () => {
    using fixture = await createFrozen(server);
    fixture.write("packages/demo/sql/lost.sql", "select 1;\n");
    expect(await problems(fixture)).toEqual([
      expect.stringMatching(/^packages\/demo\/sql\/lost.sql: no/),
    ]);
  });

  it("names the difference between history and source", async () => {
    using fixture = await createFrozen(server);
    fixture.edit("notes/shorten.sql", "10", "20");
    fixture.edit("notes/shorten.sql", "immutable", "stable");
    fixture.edit(
      "notes/tables.sql",
      "create index notes_words_idx",
      "create index notes_namespace_idx",
    );
    expect(await problems(fixture)).toEqual([
      "only in migrations/: index demo.notes_words_idx",
      "differs: function demo.shorten(text): " +
        'body is "select left(p_words, 10)" at line 2 in migrations/ and "select left(p_words, 20)" at line 2 in sql/; ' +
        "volatility is i in migrations/ and s in sql/",
      "only in sql/: index demo.notes_namespace_idx",
    ]);
  });

  it("names what a down step does not restore", async () => {
    using fixture = await createFrozen(server);
    const [from, to] = [
      "create schema demo;",
      "create schema demo;\ncreate type public.mood as enum ('fine');",
    ];
    rewrite(fixture, up, from, to);
    fixture.edit("schema.sql", from, to);
    expect(await problems(fixture)).toEqual([
      `${down} does not restore what was before: only in what down restores: type public.mood`,
      `${up}: type "mood" already exists (42710)`,
    ]);
  });

  it("names what a full down leaves", async () => {
    using fixture = await createFrozen(server);
    const [from, to] = [
      "create schema demo;",
      "create schema demo;\ncreate schema if not exists more;",
    ];
    rewrite(fixture, up, from, to);
    fixture.edit("schema.sql", from, to);
    expect(await problems(fixture)).toContainEqual(
      "migrations/demo: taking back every step is no full down: only in what is left: schema more",
    );
  });

  it("names a down step that fails", async () => {
    using fixture = await createFrozen(server);
    rewrite(fixture, down, "drop view demo.shortest_note;\n", "");
    expect(await problems(fixture)).toEqual([
      `${down}: cannot drop view demo.short_notes because other objects depend on it (2BP01)`,
      "  view demo.shortest_note depends on view demo.short_notes",
      "  Use DROP ... CASCADE to drop the dependent objects too.",
    ]);
  });

  it("refuses a down step that hides that it destroys data", async () => {
    using fixture = await createFrozen(server);
    rewrite(fixture, down, "-- destroys data: demo.notes\n", "");
    expect(await problems(fixture)).toEqual([
      `${down} drops data and does not say so: begin it with "-- destroys data: demo.notes"`,
    ]);
  });

  it("names steps that cannot run together, as an upgrade over several of them does", async () => {
    const schema = "create schema demo;\ncreate type demo.mood as enum ('fine');\n";
    using fixture = createFixture({ "schema.sql": schema });
    await freeze(server, fixture, { module: "demo", slug: "init" });
    const write = (name: string, texts: { up: string; down: string }) => {
      fixture.write(`migrations/demo/${name}.up.sql`, texts.up);
      fixture.write(`migrations/demo/${name}.down.sql`, texts.down);
    };
    write("0002_tired", {
      up: "alter type demo.mood add value 'tired';\n",
      down: "drop type demo.mood;\ncreate type demo.mood as enum ('fine');\n",
    });
    write("0003_moods", {
      up: "create view demo.moods as select 'tired'::demo.mood as mood;\n",
      down: "drop view demo.moods;\n",
    });
    fixture.edit("schema.sql", "('fine')", "('fine', 'tired')");
    fixture.edit("schema.sql", ");\n", `);\n${fixture.read("migrations/demo/0003_moods.up.sql")}`);
    for (const step of readHistory(fixture, "demo")) seal(fixture, step);
    expect(await problems(fixture)).toEqual([
      'migrations/demo/0003_moods.up.sql:1: unsafe use of new value "tired" of enum type demo.mood (55P04)',
      "  New enum values must be committed before they can be used.",
      "  with 0002_tired, 0003_moods in one transaction, as migrate() runs them",
    ]);
  });

  it("leaves out partitions that are named by their date", async () => {
    const schema = `create schema demo;
create table demo.events (
  id bigint generated always as identity,
  kind text not null default 'seen' constraint events_kind_is_known check (kind in ('seen', 'heard')),
  at timestamptz not null,
  constraint events_pkey primary key (id, at)
) partition by range (at);
create index events_at_idx on demo.events (at) where kind = 'seen';
`;
    using fixture = createFixture({ "schema.sql": schema });
    await freeze(server, fixture, { module: "demo", slug: "init" });
    const partition = (
      name: string,
      month: number,
    ) => `create table demo.${name} partition of demo.events
for values from ('2026-0${month}-01') to ('2026-0${month + 1}-01');
comment on table demo.${name} is 'Made by date';
alter table demo.${name} enable row level security;
`;
    fixture.write(
      "packages/demo/sql/schema.sql",
      schema +
        partition("events_y2026m01", 1) +
        partition("events_20260201", 2) +
        `create table demo.events_y2026m03 (like demo.events including defaults including constraints);
alter table demo.events attach partition demo.events_y2026m03 for values from ('2026-03-01') to ('2026-04-01');
`,
    );
    expect(await problems(fixture)).toEqual([]);
    fixture.write("packages/demo/sql/schema.sql", schema + partition("events_first", 1));
    expect(await problems(fixture)).toContainEqual("only in sql/: table demo.events_first");
  });

  it("names a history whose module is gone", async () => {
    using fixture = await createFrozen(server);
    fixture.write("migrations/gone/0001_init.up.sql", "select 1;\n");
    const reports = await check(server, fixture, []);
    expect(reports.map(({ module, problems }) => ({ module, problems }))).toEqual([
      { module: "demo", problems: [] },
      { module: "gone", problems: ["no packages/gone/sql/module.sql; modules are: demo"] },
    ]);
  });

  it("names a statement of core that cannot run twice", async () => {
    using fixture = createFixture(demoModule);
    fixture.write("packages/core/sql/module.sql", "\\ir schema.sql\n");
    fixture.write("packages/core/sql/schema.sql", "\ncreate schema postkit;\n");
    const [report] = await check(server, fixture, ["core"]);
    expect(report?.problems).toEqual([
      'packages/core/sql/schema.sql: schema "postkit" already exists (42P06)',
    ]);
  });
});

describe("the down of a first step", () => {
  it("stops at an object that a user hung on ours, and destroys nothing", async () => {
    using fixture = await createFrozen(server);
    const [step] = readHistory(fixture, "demo");
    if (step === undefined) throw new Error("the fixture has no step");
    await withScratch(server, async (scratch) => {
      await runSql(scratch, step.up);
      await scratch.client.query("create view public.mine as select words from demo.notes");
      await expect(runSql(scratch, step.down)).rejects.toThrow(
        `${down}: cannot drop table demo.notes because other objects depend on it`,
      );
      const { rows } = await scratch.client.query("select count(*) from demo.short_notes");
      expect(rows).toEqual([{ count: "0" }]);
    });
  });

  it("leaves no scratch database behind", async () => {
    using fixture = await createFrozen(server);
    await check(server, fixture, []);
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query(
      "select datname from pg_database where datname like 'postkit_scratch%'",
    );
    await client.end();
    expect(rows).toEqual([]);
  });
});
