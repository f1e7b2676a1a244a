import { authz, type SqlFilterOptions, type SqlFragment } from "@postkit/authz";
import { createPostkit, isPostkitError, type Postkit } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { sql as drizzleSql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { Kysely, PostgresDialect, sql as kyselySql } from "kysely";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let db: TestDatabase;
let postkit: Postkit<{ authz: typeof authz }>;
let client: typeof postkit.authz;

/** The same 60 documents in tables with keys of each type; the id of row n. */
const keys = {
  text: (n: number) => `doc ${n}`,
  uuid: (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
  bigint: (n: number) => String(9_007_199_254_740_993n + BigInt(n)),
  integer: (n: number) => String(n),
} as const;
type KeyType = keyof typeof keys;
const keyTypes = Object.keys(keys) as KeyType[];
const rows = 60;

/** By a grant of her own, by a group, in a folder, in a folder of the group, and what has ended or is another's. */
const visible = [1, 2, 3, 4, 10, 11, 20, 21];

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
  postkit = createPostkit({ db: db.app, namespace: "acme", modules: { authz } });
  client = postkit.authz;
  await client.addHierarchy("docs_text", "write", "read");
  for (const type of keyTypes) {
    await db.owner.query(`create table docs_${type} (id ${type} primary key, title text not null)`);
    await db.owner.query(`grant select on docs_${type} to ${db.appRole}`);
    for (let n = 1; n <= rows; n += 1) {
      await db.owner.query(`insert into docs_${type} values ($1, $2)`, [keys[type](n), `t${n}`]);
    }
    const doc = (n: number) => ({ type: `docs_${type}`, id: keys[type](n) });
    await client.grant("read", { resource: doc(1), subject: "user:alice" });
    await client.grant("read", { resource: doc(2), subject: "user:alice" });
    await client.grant("read", { resource: doc(3), subject: "team:eng#member" });
    await client.grant("read", { resource: doc(4), subject: "team:eng" });
    await client.grant("parent", { resource: doc(10), subject: "folder:hers" });
    await client.grant("parent", { resource: doc(11), subject: "folder:inner" });
    await client.grant("parent", { resource: doc(20), subject: "folder:teams" });
    await client.grant("parent", { resource: doc(21), subject: "folder:teams" });
    await client.grant("read", { resource: doc(30), subject: "user:bob" });
    await client.grant("read", { resource: doc(31), subject: "team:eng#admin" });
    // What is no key of this type stands in nobody's way.
    await client.grant("read", {
      resource: { type: `docs_${type}`, id: "99999999999999999999" },
      subject: "user:alice",
    });
    await client.grant("read", {
      resource: { type: `docs_${type}`, id: "no such key" },
      subject: "user:alice",
    });
    await client.grant("read", {
      resource: { type: `docs_${type}`, id: "040" },
      subject: "user:alice",
    });
  }
  await client.grant("parent", { resource: "folder:inner", subject: "folder:hers" });
  await client.grant("read", { resource: "folder:hers", subject: "user:alice" });
  await client.grant("read", { resource: "folder:teams", subject: "team:eng#member" });
  await client.grant("member", { resource: "team:eng", subject: "team:platform#member" });
  await client.grant("member", { resource: "team:platform", subject: "user:alice" });
  await db.super.query(
    `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id, expires_at)
     select n, 'docs_text', id, 'read', 'user', 'alice', e
     from (values ('acme', 'doc 40', '2001-01-01'::timestamptz), ('globex', 'doc 41', null)) t (n, id, e)`,
  );
});

afterAll(async () => {
  await postkit.close();
  await db.drop();
});

function filterOf(type: KeyType, mode: "set" | "probe", change: Partial<SqlFilterOptions> = {}) {
  return client.sqlFilter({
    subject: "user:alice",
    permission: "read",
    type: `docs_${type}`,
    column: "d.id",
    columnType: type,
    mode,
    ...change,
  });
}

/** Runs `select id from docs_… d where <filter>` with each library. */
const libraries: Record<string, (type: KeyType, filter: SqlFragment) => Promise<unknown[]>> = {
  async pg(type, filter) {
    const { text, values } = filter.toPg(2);
    const { rows: found } = await db.app.query<{ title: string }>(
      `select d.title from docs_${type} d where d.title <> $1 and ${text} order by d.id`,
      ["", ...values],
    );
    return found.map(({ title }) => title);
  },
  async Kysely(type, filter) {
    const kysely = new Kysely<Record<string, { id: string; title: string }>>({
      dialect: new PostgresDialect({ pool: db.app }),
    });
    const found = await kysely
      .selectFrom(`docs_${type} as d`)
      .select("d.title")
      .where("d.title", "<>", "")
      .where(kyselySql<boolean>(filter.strings, ...filter.values))
      .orderBy("d.id")
      .execute();
    return found.map(({ title }) => title);
  },
  async Drizzle(type, filter) {
    const { rows: found } = await drizzle(db.app).execute<{ title: string }>(
      drizzleSql`select d.title from ${drizzleSql.identifier(`docs_${type}`)} d
        where d.title <> ${""} and ${drizzleSql(filter.strings, ...filter.values)} order by d.id`,
    );
    return found.map(({ title }) => title);
  },
  async "postgres.js"(type, filter) {
    const sql = postgres(db.appUrl, { max: 1 });
    try {
      const found = await sql<{ title: string }[]>`
        select d.title from ${sql(`docs_${type}`)} d
        where d.title <> ${""} and ${sql(filter.strings, ...filter.values)} order by d.id`;
      return found.map(({ title }) => title);
    } finally {
      await sql.end();
    }
  },
};

describe("sqlFilter", () => {
  const titles = visible.map((n) => `t${n}`);

  describe.each(Object.keys(libraries))("through %s", (library) => {
    it.each(keyTypes.flatMap((type) => [[type, "set"] as const, [type, "probe"] as const]))(
      "keeps the visible rows of a table keyed by %s, in mode %s",
      async (type, mode) => {
        const found = await libraries[library]?.(type, filterOf(type, mode));
        expect(found?.toSorted()).toEqual(titles.toSorted());
      },
    );
  });

  it.each(["set", "probe"] as const)("agrees with check on every row in mode %s", async (mode) => {
    for (const type of keyTypes) {
      const found = await libraries["pg"]?.(type, filterOf(type, mode));
      const expected: string[] = [];
      for (let n = 1; n <= rows; n += 1) {
        const doc = { type: `docs_${type}`, id: keys[type](n) };
        if (await client.check("user:alice", "read", doc)) expected.push(`t${n}`);
      }
      expect(found?.toSorted()).toEqual(expected.toSorted());
    }
  });

  it.each(["set", "probe"] as const)(
    "leaves no tenant on the connection in mode %s",
    async (mode) => {
      const connection = await db.app.connect();
      try {
        const { text, values } = filterOf("text", mode).toPg();
        await connection.query(`select from docs_text d where ${text}`, values);
        const { rows: after } = await connection.query(
          "select current_setting('postkit.tenant_id', true) as tenant",
        );
        expect(after).toEqual([{ tenant: "" }]);
      } finally {
        connection.release();
      }
    },
  );

  it("shows another tenant his own rows alone", async () => {
    const globex = postkit.withNamespace("globex").authz;
    const { text, values } = globex
      .sqlFilter({
        subject: "user:alice",
        permission: "read",
        type: "docs_text",
        column: "id",
        mode: "set",
      })
      .toPg();
    const { rows: found } = await db.app.query(`select title from docs_text where ${text}`, values);
    expect(found).toEqual([{ title: "t41" }]);
  });

  it("looks an id up by the key's index, whatever the key's type", async () => {
    for (const type of keyTypes) {
      const connection = await db.app.connect();
      try {
        await connection.query("begin; set local enable_seqscan = off");
        const { text, values } = filterOf(type, "set").toPg();
        const { rows: plan } = await connection.query<{ "QUERY PLAN": string }>(
          `explain select * from docs_${type} d where ${text}`,
          values,
        );
        expect(plan.map((line) => line["QUERY PLAN"]).join("\n")).toMatch(
          new RegExp(`Scan (using|on) docs_${type}_pkey`),
        );
      } finally {
        await connection.query("rollback");
        connection.release();
      }
    }
  });

  it("in mode probe stops when the page is full", async () => {
    const connection = await db.app.connect();
    try {
      const { text, values } = filterOf("integer", "probe").toPg();
      const { rows: plan } = await connection.query<{ "QUERY PLAN": unknown }>(
        `explain (analyze, timing off, costs off, format json)
         select * from docs_integer d where ${text} order by d.id limit 2`,
        values,
      );
      expect(JSON.stringify(plan)).toContain('"Rows Removed by Filter":0');
    } finally {
      connection.release();
    }
  });

  it("carries what it is given as parameters, never as text", () => {
    const filter = filterOf("text", "probe", { subject: { type: "user", id: "o'brien" } });
    expect(filter.strings.join("")).not.toContain("brien");
    expect(filter.values).toContain("o'brien");
    expect(filter.toPg(7).text).toMatch(/\$7.*\$8.*\$9.*\$10.*\$11/);
    expect(filter.toPg(7).text).not.toContain("$12");
  });

  it.each(["id; drop table docs", "id)", "", "d.", ".id", "a.b.c.d", 'd."id', "d id", "1"])(
    "refuses %j as a column",
    (column) => {
      expect(() => filterOf("text", "set", { column })).toThrow(
        expect.objectContaining({ code: "VAL_IDENTIFIER_FORMAT" }),
      );
    },
  );

  it.each(["id", "d.id", "public.docs.id", '"Doc"."docId"', 'd."a ""b"""'])(
    "takes %j as a column",
    (column) => {
      expect(filterOf("text", "set", { column }).strings[0]).toContain(column);
    },
  );

  it("refuses a mode, a type and a subject that it does not know", () => {
    const thrown = (change: object) => {
      try {
        filterOf("text", "set", change);
      } catch (error) {
        return isPostkitError(error) ? error.code : error;
      }
      return undefined;
    };
    expect(thrown({ mode: "fast" })).toBe("VAL_IDENTIFIER_FORMAT");
    expect(thrown({ columnType: "jsonb" })).toBe("VAL_IDENTIFIER_FORMAT");
    expect(thrown({ columnType: "toString" })).toBe("VAL_IDENTIFIER_FORMAT");
    expect(thrown({ subject: "alice" })).toBe("VAL_IDENTIFIER_FORMAT");
    expect(thrown({ subject: "team:eng#member" })).toBe("VAL_ID_INVALID_CHARS");
  });
});

describe("listResources and iterateResources", () => {
  it("give pages in byte order, until there are no more", async () => {
    const all = await client.listResources("user:alice", "docs_text", "read");
    expect(all).toEqual(
      [...visible.map((n) => keys.text(n)), "040", "99999999999999999999", "no such key"].sort(),
    );
    const paged: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await client.listResources("user:alice", "docs_text", "read", {
        limit: 3,
        cursor,
      });
      expect(page.length).toBeLessThanOrEqual(3);
      if (page.length === 0) break;
      paged.push(...page);
      cursor = page.at(-1);
    }
    expect(paged).toEqual(all);
    const iterated: string[] = [];
    for await (const id of client.iterateResources("user:alice", "docs_text", "read", { limit: 4 }))
      iterated.push(id);
    expect(iterated).toEqual(all);
  });

  it("stop asking when the caller has seen enough", async () => {
    const asked: string[] = [];
    const counted = createPostkit({
      db: db.app,
      namespace: "acme",
      modules: { authz },
      onQuery: ({ name }) => asked.push(name),
    });
    for await (const id of counted.authz.iterateResources("user:alice", "docs_text", "read", {
      limit: 1,
    })) {
      if (id !== undefined) break;
    }
    expect(asked).toEqual(["authz.list_resources"]);
    await counted.close();
  });
});

describe("checkMany, filterAuthorized and listPermissions", () => {
  it("answer in order, for any mix of questions", async () => {
    const doc = (n: number) => `docs_text:${keys.text(n)}`;
    expect(
      await client.checkMany([
        { subject: "user:alice", permission: "read", resource: doc(21) },
        { subject: "user:bob", permission: "read", resource: doc(1) },
        { subject: "user:alice", permission: "write", resource: doc(1) },
        { subject: "user:bob", permission: "read", resource: doc(30) },
        { subject: "user:alice", permission: "read", resource: doc(21) },
      ]),
    ).toEqual([true, false, false, true, true]);
    expect(await client.checkMany([])).toEqual([]);
  });

  it("keep the ids that check admits", async () => {
    const ids = Array.from({ length: rows }, (_, index) => keys.text(index + 1));
    expect(await client.filterAuthorized("user:alice", "docs_text", "read", ids)).toEqual(
      visible.map((n) => keys.text(n)).sort(),
    );
    expect(await client.filterAuthorized("user:alice", "docs_text", "read", [])).toEqual([]);
  });

  it("name all that a subject may do", async () => {
    const resource = { type: "docs_text", id: keys.text(50) };
    await client.grant("write", { resource, subject: "user:alice" });
    expect(await client.listPermissions("user:alice", resource)).toEqual(["read", "write"]);
    expect(await client.listPermissions("user:nobody", resource)).toEqual([]);
    await client.revoke("write", { resource, subject: "user:alice" });
  });
});
