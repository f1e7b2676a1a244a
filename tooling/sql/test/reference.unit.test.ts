import { describe, expect, it } from "vitest";

import { findStaleReference, writeReference } from "../src/reference.ts";
import { createFixture, writeSource, type Fixture } from "./fixture.ts";

const shorten = `-- demo.shorten: cuts a text.
--
-- A word may be cut as well. Goes by characters,
-- as demo.count_notes does.
--
-- It keeps < and * as they are.
--
-- Takes back nothing.
--
-- Takes    p_words            what is cut
--          p_from, p_to       where it begins and ends; the whole
--                             a | b by default
--          p_a_very_long_name, p_another
--                             what has no room beside it
--          the rest           as demo.list_words
-- Returns  the text, as
--            one: a
--            two:  b
-- Raises   VAL_WORDS_NULL (22004) · what demo.list_words
--          raises
-- Writes   demo.notes · Locks demo.words
-- Example  select demo.shorten('many words');
--          select demo.shorten('more');
create function demo.shorten(
  p_words text,
  p_from int default 0
)
returns text
language sql
as $$ select left(p_words, 10) $$;
`;

const plain = (name: string) => `-- demo.${name}: what it says.
create function demo.${name}()
returns int
language sql
as $$ select 1 $$;
`;

const files = {
  "schema.sql": "create schema demo;\n",
  "notes/tables.sql": "-- Notes of every tenant.\ncreate table demo.notes (id int);\n",
  "notes/_stamp.sql": plain("_stamp"),
  "notes/shorten.sql": shorten,
  "notes/count_notes.sql": plain("count_notes"),
  "words/list_words.sql": plain("list_words"),
};

function readPage(fixture: Fixture, name: string): string {
  return fixture.read(`docs/reference/${name}.md`);
}

describe("the reference", () => {
  it("has a page for each noun with all that the headers say", () => {
    using fixture = createFixture(files);
    fixture.write(
      "packages/demo/src/notes.ts",
      "export interface Notes {\n  countNotes(): void;\n}\n",
    );
    expect(writeReference(fixture)).toEqual([
      "docs/reference/demo/README.md",
      "docs/reference/demo/notes.md",
      "docs/reference/demo/words.md",
    ]);
    expect(readPage(fixture, "demo/notes"))
      .toBe(`<!-- Generated from the SQL by \`npm run sql -- docs\`. -->
# demo: notes

- [\`shorten\`](#demoshorten): cuts a text
- [\`count_notes\`](#democount_notes): what it says

## demo.shorten

Cuts a text.

A word may be cut as well. Goes by characters, as [demo.count_notes](#democount_notes) does.

It keeps \\< and \\* as they are.

Takes back nothing.

\`\`\`sql
demo.shorten(
  p_words text,
  p_from int default 0
)
returns text
\`\`\`

**Takes**

| | |
| --- | --- |
| \`p_words\` | what is cut |
| \`p_from\`, \`p_to\` | where it begins and ends; the whole a \\| b by default |
| \`p_a_very_long_name\`, \`p_another\` | what has no room beside it |
| the rest | as [demo.list_words](words.md#demolist_words) |

**Returns** the text, as

\`\`\`
one: a
two:  b
\`\`\`

**Raises** \`VAL_WORDS_NULL\` (22004) · what [demo.list_words](words.md#demolist_words) raises

**Writes** demo.notes

**Locks** demo.words

\`\`\`sql
select demo.shorten('many words');
select demo.shorten('more');
\`\`\`

## demo.count_notes

What it says.

\`\`\`sql
demo.count_notes()
returns int
\`\`\`

In TypeScript: \`postkit.demo.countNotes(…)\`
`);
  });

  it("has a table of contents in the order in which the module loads", () => {
    using fixture = createFixture(files);
    writeReference(fixture);
    expect(readPage(fixture, "demo/README")).toContain(`[docs/demo.md](../../demo.md).

- [notes](notes.md): \`shorten\`, \`count_notes\`
- [words](words.md): \`list_words\`
`);
  });

  it("writes only what changed, and takes away the page of a noun that is gone", () => {
    using fixture = createFixture(files);
    writeReference(fixture);
    expect(writeReference(fixture)).toEqual([]);
    const { "words/list_words.sql": _gone, ...rest } = files;
    writeSource(fixture, rest);
    expect(writeReference(fixture)).toEqual([
      "docs/reference/demo/README.md",
      "docs/reference/demo/notes.md",
      "docs/reference/demo/words.md",
    ]);
    expect(() => readPage(fixture, "demo/words")).toThrow("ENOENT");
    expect(readPage(fixture, "demo/notes")).toContain("what demo.list_words raises");
  });

  it("is stale when a header, the functions or a page have changed", () => {
    using fixture = createFixture(files);
    const stale = (page: string) =>
      `docs/reference/${page}.md is not what the SQL says: npm run sql -- docs`;
    expect(findStaleReference(fixture, "demo")).toEqual([]);
    fixture.write("docs/demo.md", "The guide\n");
    const pages = ["demo/README", "demo/notes", "demo/words"];
    expect(findStaleReference(fixture, "demo")).toEqual(pages.map(stale));
    writeReference(fixture);
    expect(findStaleReference(fixture, "demo")).toEqual([]);
    fixture.edit("notes/shorten.sql", "cuts a text", "shortens a text");
    expect(findStaleReference(fixture, "demo")).toEqual([stale("demo/notes")]);
    writeReference(fixture);
    fixture.write("docs/reference/demo/more.md", "By hand\n");
    expect(findStaleReference(fixture, "demo")).toEqual([stale("demo/more")]);
    expect(findStaleReference(fixture, "other")).toEqual([]);
    writeReference(fixture);
    writeSource(fixture, { ...files, "words/add_word.sql": plain("add_word") });
    expect(findStaleReference(fixture, "demo")).toEqual(pages.map(stale));
  });

  it("refuses what is neither in two columns nor indented", () => {
    using fixture = createFixture(files);
    fixture.edit("notes/shorten.sql", "the rest           as", "the rest as");
    expect(() => writeReference(fixture)).toThrow(
      "packages/demo/sql/notes/shorten.sql: two spaces lack between what and what it is: the rest as",
    );
  });

  it("refuses a public function that says nothing, or something about another", () => {
    using fixture = createFixture(files);
    const refusal = "packages/demo/sql/words/list_words.sql: begins with no header";
    for (const header of ["", "-- Lists words.\n", "-- demo.other: what it says.\n"]) {
      writeSource(fixture, {
        ...files,
        "words/list_words.sql": plain("list_words").replace(/^--.*\n/, header),
      });
      expect(() => writeReference(fixture)).toThrow(refusal);
    }
  });
});
