import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { check } from "../src/check.ts";
import { freeze } from "../src/freeze.ts";
import { openServer, type Server } from "../src/server.ts";
import { demoModule } from "./demo-module.ts";
import { createFixture, writeSource, type Fixture } from "./fixture.ts";
import { createFrozen } from "./frozen-module.ts";

let server: Server;
beforeAll(async () => {
  server = await openServer(undefined);
});
afterAll(() => server.stop());

const freezeDemo = (fixture: Fixture, slug: string) =>
  freeze(server, fixture, { module: "demo", slug });

async function problems(fixture: Fixture): Promise<string[]> {
  return (await check(server, fixture, ["demo"])).flatMap((report) => report.problems);
}

/** The statements of a step without their bodies and comments, one a line. */
function outline(text: string): string[] {
  const starts = /^(?:create|drop|alter|comment|grant|revoke|-- by hand|-- destroys)\b.*/gm;
  return text.match(starts) ?? [];
}

const everyKind = `create schema demo;
create type demo.mood as enum ('fine', 'tired');
create domain demo.short_text as text constraint short_text_is_short check (length(value) < 10);
comment on constraint short_text_is_short on domain demo.short_text is 'Short';
create type demo.pair as (a int, b int);
create type demo.span as range (subtype = int);
create sequence demo.numbers;
create table demo.parent (id int constraint parent_pkey primary key, favourite int, mood demo.mood);
comment on constraint parent_pkey on demo.parent is 'Key';
create table demo.child (
  id serial constraint child_pkey primary key,
  parent_id int constraint child_parent_id_fkey references demo.parent,
  name demo.short_text,
  number bigint default nextval('demo.numbers')
);
alter table demo.parent
  add constraint parent_favourite_fkey foreign key (favourite) references demo.child;
create statistics demo.child_statistics on parent_id, name from demo.child;
revoke all on demo.child from public;
grant select (id, name) on demo.child to public;
grant usage on sequence demo.numbers to public;
revoke usage on type demo.mood from public;
create table demo.events (at timestamptz not null) partition by range (at);
create table demo.events_default partition of demo.events default;
create index events_at_idx on demo.events (at);
create function demo.longer(a text, b text) returns text language sql
set search_path = demo, pg_temp as 'select case when length(a) > length(b) then a else b end';
create aggregate demo.longest(text) (sfunc = demo.longer, stype = text);
create procedure demo.tidy() language sql
set search_path = demo, pg_temp as 'delete from demo.events';
create view demo.all_parents as select p.id from demo.parent p;
create rule nothing as on insert to demo.all_parents do instead nothing;
create materialized view demo.counts as select count(*) as number from demo.child;
`;

describe("freeze init", () => {
  it("writes the whole source up, and down a drop of each object where nothing needs it any more", async () => {
    using fixture = createFixture(demoModule);
    expect(await freezeDemo(fixture, "init")).toMatchObject({ outcome: "sealed", remaining: [] });
    const up = fixture.read("migrations/demo/0001_init.up.sql");
    expect(up).toContain(
      "-- notes/tables.sql\n-- Notes of every tenant.\n\ncreate table demo.notes (",
    );
    expect(fixture.read("migrations/demo/0001_init.down.sql").split("\n")).toEqual([
      "-- destroys data: demo.notes",
      "drop view demo.shortest_note;",
      "drop view demo.short_notes;",
      "drop table demo.notes;",
      "drop function demo._stamp();",
      "drop function demo.shorten(text);",
      "drop schema demo;",
      "",
    ]);
    expect(await problems(fixture)).toEqual([]);
  });

  it("takes policies and triggers off a table that functions need and that needs functions", async () => {
    using fixture = createFixture({
      "schema.sql": "create schema demo;\n",
      "a.sql": `create table demo.a (id int);
create function demo.is_seen(p_a demo.a) returns boolean language sql
set search_path = demo, pg_temp as 'select true';
create policy a_seen on demo.a using (demo.is_seen(a));
`,
    });
    await freezeDemo(fixture, "init");
    expect(fixture.read("migrations/demo/0001_init.down.sql").split("\n")).toEqual([
      "-- destroys data: demo.a",
      "drop policy a_seen on demo.a;",
      "drop function demo.is_seen(demo.a);",
      "drop table demo.a;",
      "drop schema demo;",
      "",
    ]);
  });

  it("drops objects of every kind, tables that refer to each other among them", async () => {
    using fixture = createFixture({ "schema.sql": everyKind });
    expect(await freezeDemo(fixture, "init")).toMatchObject({ outcome: "sealed" });
    expect(outline(fixture.read("migrations/demo/0001_init.down.sql"))).toEqual([
      "-- destroys data: demo.child, demo.events, demo.parent",
      "drop materialized view demo.counts;",
      "drop view demo.all_parents;",
      "drop procedure demo.tidy();",
      "drop aggregate demo.longest(text);",
      "drop function demo.longer(text,text);",
      "drop table demo.events;",
      "drop type demo.span;",
      "drop type demo.pair;",
      "alter table demo.parent drop constraint parent_favourite_fkey;",
      "drop table demo.child;",
      "drop table demo.parent;",
      "drop sequence demo.numbers;",
      "drop type demo.short_text;",
      "drop type demo.mood;",
      "drop schema demo;",
    ]);
    expect(await problems(fixture)).toEqual([]);
  });

  it("is written anew until the module is released", async () => {
    using fixture = await createFrozen(server);
    expect(await freezeDemo(fixture, "init")).toMatchObject({ outcome: "unchanged" });
    fixture.edit("notes/shorten.sql", "10", "20");
    expect(await freezeDemo(fixture, "init")).toMatchObject({ outcome: "sealed" });
    expect(fixture.read("migrations/demo/0001_init.up.sql")).toContain("left(p_words, 20)");
    expect(await problems(fixture)).toEqual([]);
    fixture.write("packages/demo/package.json", '{"version": "0.1.0"}');
    await expect(freezeDemo(fixture, "init")).rejects.toThrow("demo is released");
  });

  it("refuses a source that does not run, with its place and the words of Postgres", async () => {
    using fixture = createFixture(demoModule);
    fixture.edit("notes/views.sql", "from demo.notes n", "from demo.nots n");
    await expect(freezeDemo(fixture, "init")).rejects.toThrow(
      'packages/demo/sql/notes/views.sql:3: relation "demo.nots" does not exist (42P01)',
    );
  });

  it("refuses transaction control, concurrently, open search paths and unreachable files", async () => {
    using fixture = createFixture(demoModule);
    fixture.write("packages/demo/sql/notes/lost.sql", "select 1;\n");
    await expect(freezeDemo(fixture, "init")).rejects.toThrow(
      "packages/demo/sql/notes/lost.sql: no",
    );
    writeSource(fixture, { ...demoModule, "notes/lost.sql": "begin;\nselect 1;\ncommit;\n" });
    await expect(freezeDemo(fixture, "init")).rejects.toThrow(
      "notes/lost.sql:1: begin: every step",
    );
    fixture.write(
      "packages/demo/sql/notes/lost.sql",
      "create index concurrently i on demo.notes (id);\n",
    );
    await expect(freezeDemo(fixture, "init")).rejects.toThrow(
      "lost.sql:1: concurrently cannot run",
    );
    fixture.write(
      "packages/demo/sql/notes/lost.sql",
      "create function demo.f() returns int language sql as 'select 1';\n",
    );
    await expect(freezeDemo(fixture, "init")).rejects.toThrow(
      "lost.sql:1: pin the search path of demo.f()",
    );
    for (const setting of ["enable_sort = off", "plan_cache_mode = force_generic_plan"]) {
      const create = `create function demo.f() returns int language sql set search_path = demo set ${setting}`;
      fixture.write("packages/demo/sql/notes/lost.sql", `${create} as 'select 1';\n`);
      await expect(freezeDemo(fixture, "init")).rejects.toThrow(
        "lost.sql:1: demo.f() pins its plans, so keep them from being compiled",
      );
    }
    fixture.write("packages/demo/sql/notes/lost.sql", "set local search_path = demo;\n");
    await expect(freezeDemo(fixture, "init")).rejects.toThrow("lost.sql:1: qualify names instead");
    fixture.write(
      "packages/demo/sql/notes/lost.sql",
      "create function demo.f() returns int begin atomic select 1; end;\n",
    );
    await expect(freezeDemo(fixture, "init")).rejects.toThrow("lost.sql:1: put the body in quotes");
  });
});

describe("freeze of a further step", () => {
  it("refuses to write one when nothing changed", async () => {
    using fixture = await createFrozen(server);
    fixture.edit("notes/shorten.sql", "-- demo.shorten: cuts a text.", "-- demo.shorten: cuts.");
    await expect(freezeDemo(fixture, "none")).rejects.toThrow(
      "demo: nothing changed since 0001_init",
    );
  });

  it("replaces a function in place and gives the previous text back", async () => {
    using fixture = await createFrozen(server);
    fixture.edit("notes/shorten.sql", "10", "20");
    expect(await freezeDemo(fixture, "longer")).toMatchObject({ outcome: "sealed" });
    const text = (length: number) => `-- demo.shorten: cuts a text.
create or replace function demo.shorten(p_words text)
returns text
language sql
immutable
set search_path = demo, pg_temp
as $$
  select left(p_words, ${length})
$$;
`;
    expect(fixture.read("migrations/demo/0002_longer.up.sql")).toBe(text(20));
    expect(fixture.read("migrations/demo/0002_longer.down.sql")).toBe(text(10));
    expect(await problems(fixture)).toEqual([]);
  });

  it("takes the previous text from the step that wrote it last", async () => {
    using fixture = await createFrozen(server);
    for (const [from, to] of [
      ["10", "20"],
      ["20", "30"],
    ] as const) {
      fixture.edit("notes/shorten.sql", from, to);
      await freezeDemo(fixture, `to_${to}`);
    }
    expect(fixture.read("migrations/demo/0003_to_30.down.sql")).toContain("left(p_words, 20)");
    expect(await problems(fixture)).toEqual([]);
  });

  it("drops a function whose result changes with all that needs it, and makes all of it again", async () => {
    using fixture = await createFrozen(server);
    fixture.edit("notes/shorten.sql", "returns text", "returns varchar");
    fixture.edit(
      "notes/policies.sql",
      "demo.shorten(words) = words",
      "demo.shorten(words)::text = words",
    );
    expect(await freezeDemo(fixture, "varchar")).toMatchObject({ outcome: "sealed" });
    const expected = [
      "drop policy notes_short on demo.notes;",
      "drop view demo.shortest_note;",
      "drop view demo.short_notes;",
      "drop function demo.shorten(text);",
      "create function demo.shorten(p_words text)",
      "comment on function demo.shorten(text) is 'Cuts a text';",
      "create view demo.short_notes as",
      "create view demo.shortest_note as",
      "comment on view demo.shortest_note is 'The shortest of all';",
      "create policy notes_short on demo.notes using (demo.shorten(words)::text = words);",
      "revoke execute on function demo.shorten(text) from public;",
      "grant select on table demo.short_notes to public;",
    ];
    expect(outline(fixture.read("migrations/demo/0002_varchar.up.sql"))).toEqual(expected);
    const back = outline(fixture.read("migrations/demo/0002_varchar.down.sql"));
    const before = expected.map((line) => line.replace("(words)::text", "(words)"));
    expect(new Set(back)).toEqual(new Set(before));
    expect(await problems(fixture)).toEqual([]);
  });

  it("makes a trigger again when its function cannot be replaced", async () => {
    using fixture = await createFrozen(server);
    fixture.edit("notes/_stamp.sql", "demo._stamp()\nreturns", "demo._stamp_words()\nreturns");
    fixture.edit(
      "notes/_stamp.sql",
      "execute function demo._stamp()",
      "execute function demo._stamp_words()",
    );
    expect(await freezeDemo(fixture, "rename")).toMatchObject({ outcome: "sealed" });
    expect(outline(fixture.read("migrations/demo/0002_rename.up.sql"))).toEqual([
      "drop trigger notes_stamp on demo.notes;",
      "drop function demo._stamp();",
      "create function demo._stamp_words()",
      expect.stringMatching(/^create trigger notes_stamp/),
      "revoke execute on function demo._stamp_words() from public;",
    ]);
    expect(await problems(fixture)).toEqual([]);
  });

  it("follows changes of policies, privileges, comments and row security both ways", async () => {
    using fixture = await createFrozen(server);
    fixture.edit("notes/policies.sql", "using (", "for select using (");
    fixture.edit("notes/policies.sql", "alter table demo.notes force row level security;", "");
    fixture.edit("notes/tables.sql", "'What is noted'", "'What they noted'");
    fixture.edit(
      "notes/shorten.sql",
      "comment on function demo.shorten(text) is 'Cuts a text';\n",
      "",
    );
    fixture.edit(
      "privileges.sql",
      "grant select on demo.short_notes",
      "grant select on demo.shortest_note",
    );
    expect(await freezeDemo(fixture, "sides")).toMatchObject({ outcome: "sealed" });
    expect(outline(fixture.read("migrations/demo/0002_sides.up.sql"))).toEqual([
      "drop policy notes_short on demo.notes;",
      "comment on column demo.notes.words is 'What they noted';",
      expect.stringMatching(/^create policy notes_short on demo.notes for select/),
      "comment on function demo.shorten(text) is null;",
      "revoke select on table demo.short_notes from public;",
      "grant select on table demo.shortest_note to public;",
      "alter table demo.notes no force row level security;",
    ]);
    expect(outline(fixture.read("migrations/demo/0002_sides.down.sql")).toSorted()).toEqual([
      "alter table demo.notes force row level security;",
      "comment on column demo.notes.words is 'What is noted';",
      "comment on function demo.shorten(text) is 'Cuts a text';",
      expect.stringMatching(/^create policy notes_short on demo.notes using/),
      "drop policy notes_short on demo.notes;",
      "grant select on table demo.short_notes to public;",
      "revoke select on table demo.shortest_note from public;",
    ]);
    expect(await problems(fixture)).toEqual([]);
  });

  it("follows objects that a loop makes", async () => {
    const loop = (names: string) => `do $$
declare
  v_name text;
begin
  foreach v_name in array array[${names}] loop
    execute format('create view demo.%I as select 1 as one', v_name);
  end loop;
end
$$;
`;
    using fixture = createFixture({
      "schema.sql": "create schema demo;\n",
      "views.sql": loop("'a', 'b'"),
    });
    await freezeDemo(fixture, "init");
    fixture.write("packages/demo/sql/views.sql", loop("'a', 'b', 'c'"));
    expect(await freezeDemo(fixture, "more")).toMatchObject({ outcome: "sealed" });
    expect(fixture.read("migrations/demo/0002_more.up.sql")).toBe(
      `drop view demo.b;\ndrop view demo.a;\n\n${loop("'a', 'b', 'c'")}`,
    );
    expect(await problems(fixture)).toEqual([]);
  });

  it("lists what concerns data for a person to write, and seals the step once that is right", async () => {
    using fixture = await createFrozen(server);
    writeSource(fixture, {
      ...demoModule,
      "tags.sql": `create table demo.tags (id int constraint tags_pkey primary key, name text);
create index tags_name_idx on demo.tags (name);
comment on table demo.tags is 'Tags';
insert into demo.tags values (1, 'first');
`,
    });
    fixture.edit(
      "notes/tables.sql",
      "  words text not null,\n",
      "  words text not null,\n  author text,\n",
    );
    const { outcome, remaining } = await freezeDemo(fixture, "tags");
    expect(outcome).toBe("unsealed");
    expect(remaining).toEqual([
      "create column demo.notes.author as packages/demo/sql/notes/tables.sql:3 does",
      "create table demo.tags as packages/demo/sql/tags.sql:1 does",
      "create index demo.tags_name_idx as packages/demo/sql/tags.sql:2 does",
      "run what packages/demo/sql/tags.sql:4 does to rows",
      "and back: drop table demo.tags",
      "and back: drop column demo.notes.author",
    ]);
    const [up, down] = ["migrations/demo/0002_tags.up.sql", "migrations/demo/0002_tags.down.sql"];
    expect(outline(fixture.read(up))).toEqual([
      ...remaining.slice(0, 4).map((line) => `-- by hand: ${line}`),
      "comment on table demo.tags is 'Tags';",
    ]);
    expect(fixture.read(down)).toBe(
      "-- destroys data: demo.tags, demo.notes.author\n" +
        "-- by hand: drop table demo.tags\n-- by hand: drop column demo.notes.author\n",
    );
    expect(await problems(fixture)).toContainEqual(
      expect.stringContaining("0002_tags.up.sql is not in"),
    );
    await expect(freezeDemo(fixture, "other")).rejects.toThrow("0002_tags is not sealed yet");
    await expect(freezeDemo(fixture, "tags")).rejects.toThrow(`${up}:1: -- by hand: create column`);

    const written = `alter table demo.notes add column author text;
create table demo.tags (id int constraint tags_pkey primary key, name text);
insert into demo.tags values (1, 'first');
comment on table demo.tags is 'Tags';
`;
    fixture.write(up, written);
    fixture.write(down, "drop table demo.tags;\nalter table demo.notes drop column author;\n");
    const unfinished = freezeDemo(fixture, "tags");
    await expect(unfinished).rejects.toThrow("only in sql/: index demo.tags_name_idx");
    await expect(unfinished).rejects.toThrow(
      `${down} drops data and does not say so: begin it with "-- destroys data: demo.tags, demo.notes.author"`,
    );

    fixture.write(up, `${written}create index tags_name_idx on demo.tags (name);\n`);
    fixture.write(down, `-- destroys data: demo.tags, demo.notes.author\n${fixture.read(down)}`);
    expect(await freezeDemo(fixture, "tags")).toMatchObject({ outcome: "sealed" });
    expect(await problems(fixture)).toEqual([]);
    await expect(freezeDemo(fixture, "more")).rejects.toThrow("nothing changed since 0002_tags");
  });

  it("says that a new column goes last, and what else of a table differs", async () => {
    using fixture = await createFrozen(server);
    fixture.edit("notes/tables.sql", "  words text", "  author text,\n  words varchar");
    const { remaining } = await freezeDemo(fixture, "columns");
    expect(remaining.slice(0, 2)).toEqual([
      "change column demo.notes.words: type from text to character varying",
      expect.stringMatching(
        /^create column demo.notes.author .*move it behind the columns that exist/,
      ),
    ]);
  });

  it("names data that needs code which cannot be replaced", async () => {
    using fixture = createFixture({
      "schema.sql": "create schema demo;\ncreate table demo.a (b text);\n",
      "code.sql": `create function demo.key(p_b text) returns text language sql immutable
set search_path = demo, pg_temp as 'select p_b';
`,
      "index.sql": "create index a_b_idx on demo.a (demo.key(b));\n",
    });
    await freezeDemo(fixture, "init");
    fixture.edit("code.sql", "p_b text", "p_a text");
    fixture.edit("code.sql", "select p_b", "select p_a");
    expect(await freezeDemo(fixture, "argument")).toMatchObject({
      outcome: "unsealed",
      remaining: [
        "free index demo.a_b_idx from function demo.key(text), which is dropped and made again",
        "and back: free index demo.a_b_idx from function demo.key(text), which is dropped and made again",
      ],
    });
  });

  it("refuses to go on from a history that was edited", async () => {
    using fixture = await createFrozen(server);
    fixture.edit("notes/shorten.sql", "10", "20");
    const path = "migrations/demo/0001_init.up.sql";
    fixture.write(path, fixture.read(path).replace("10", "15"));
    await expect(freezeDemo(fixture, "next")).rejects.toThrow(
      `${path} was edited after it was sealed`,
    );
  });
});
