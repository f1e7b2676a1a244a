import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { openSession, type NamedArguments, type Session } from "./support/session.ts";

let db: TestDatabase;
let app: Session;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(async () => {
  tests += 1;
  const session = await openSession(db.app, `tenant ${tests}`);
  app = session;
  return () => session[Symbol.asyncDispose]();
});

async function grant(...edges: readonly string[]): Promise<void> {
  for (const edge of edges) {
    const [resource, relation, subject] = edge.split(" ") as [string, string, string];
    await app.grant({ resource, relation, subject });
  }
}

interface SubjectRow {
  subject_type: string;
  subject_id: string;
}

const question = { p_resource_type: "doc", p_resource_id: "1", p_permission: "read" };

async function list(args: NamedArguments = {}): Promise<string[]> {
  const rows = await app.rows<SubjectRow>("list_subjects", { ...question, ...args });
  return rows.map(({ subject_type: type, subject_id: id }) => `${type}:${id}`);
}

const count = async (args: NamedArguments = {}) =>
  Number(await app.call<string>("count_subjects", { ...question, ...args }));

async function end(resource: string, relation: string): Promise<void> {
  const [type, id] = resource.split(":");
  await app.query(
    `update authz.tuples set expires_at = now() - interval '1 hour'
     where resource_type = $1 and resource_id = $2 and relation = $3`,
    [type, id, relation],
  );
}

describe("the subjects of a permission", () => {
  it("are those of direct grants, of groups and of containers, each once", async () => {
    await grant(
      "doc:1 read user:carol",
      "doc:1 parent folder:a",
      "folder:a parent folder:b",
      "folder:b read team:eng#member",
      "team:eng member user:bob",
      "team:eng member user:carol",
      "team:eng member team:infra#member",
      "team:infra member user:alice",
      "doc:1 write user:writer",
      "doc:2 read user:other",
    );
    expect(await list()).toEqual(["user:alice", "user:bob", "user:carol"]);
    expect(await count()).toBe(3);
  });

  it("follow the rules of the resource's own type, on containers as well", async () => {
    await app.call("add_hierarchy", {
      p_resource_type: "doc",
      p_permission: "own",
      p_implies: "read",
    });
    await app.call("add_hierarchy", {
      p_resource_type: "folder",
      p_permission: "keep",
      p_implies: "read",
    });
    await grant(
      "doc:1 own user:owner",
      "doc:1 parent folder:a",
      "folder:a own user:above",
      "folder:a keep user:keeper",
    );
    expect(await list()).toEqual(["user:above", "user:owner"]);
  });

  it("of a plain group are the holders of any relation on it but parent, and of its members'", async () => {
    await grant(
      "doc:1 read team:eng",
      "team:eng member user:member",
      "team:eng audit user:auditor",
      "team:eng audit team:external",
      "team:external member user:outside",
      "team:eng parent org:acme",
      "team:eng member team:infra",
      "team:infra lead user:lead",
    );
    // A relation that is not member leads no further, so that nobody outside comes in through team:external; a lead is
    // no member, so that team:infra has none.
    expect(await list()).toEqual(["team:infra", "user:auditor", "user:lead", "user:member"]);
    expect(await app.check("team:external", "read", "doc:1")).toBe(true);
    expect(await app.check("user:outside", "read", "doc:1")).toBe(false);
  });

  it("of the holders of a relation are these alone, at every level", async () => {
    await grant(
      "doc:1 read team:eng#lead",
      "team:eng lead user:lead",
      "team:eng lead team:infra#member",
      "team:eng member user:member",
      "team:infra member user:infra",
      "doc:2 read team:platform#member",
      "team:platform member team:infra#admin",
      "team:infra admin user:admin",
    );
    expect(await list()).toEqual(["user:lead"]);
    expect(await list({ p_resource_id: "2" })).toEqual(["user:admin"]);
  });

  it("have a group without live members in them, and never one with some", async () => {
    await grant("doc:1 read team:eng", "team:eng member user:bob", "doc:1 read team:empty");
    expect(await list()).toEqual(["team:empty", "user:bob"]);
    await end("team:eng", "member");
    expect(await list()).toEqual(["team:empty", "team:eng"]);
    expect(await count()).toBe(2);
  });

  it("have one whom others hold something on next to these", async () => {
    await grant("doc:1 read user:ann", "user:ann manager user:boss");
    expect(await list()).toEqual(["user:ann", "user:boss"]);
  });

  it("have no userset among them", async () => {
    await grant("doc:1 read team:eng#member");
    expect(await list()).toEqual([]);
    expect(await count()).toBe(0);
  });

  it("have nobody whose grant, membership or container has ended", async () => {
    await grant(
      "doc:1 read user:alice",
      "doc:1 read team:eng#member",
      "team:eng member user:bob",
      "doc:1 parent folder:a",
      "folder:a read user:carol",
    );
    expect(await list()).toEqual(["user:alice", "user:bob", "user:carol"]);
    await end("doc:1", "parent");
    expect(await list()).toEqual(["user:alice", "user:bob"]);
    await end("team:eng", "member");
    expect(await list()).toEqual(["user:alice"]);
    await end("doc:1", "read");
    expect(await list()).toEqual([]);
  });

  it("of parent are nobody, since it is no permission", async () => {
    await grant("doc:1 parent folder:a", "folder:a member user:bob");
    expect(await list({ p_permission: "parent" })).toEqual([]);
  });

  it("are found through fifty groups and fifty containers, as a check does, and no further", async () => {
    await app.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       select $1, 'team', i::text, 'member', 'team', (i + 1)::text from generate_series(1, 60) i
       union all
       select $1, 'team', i::text, 'member', 'user', i::text from generate_series(49, 52) i
       union all
       select $1, 'doc', '1', 'read', 'team', '1'
       union all
       select $1, 'doc', '2', 'parent', 'folder', '1'
       union all
       select $1, 'folder', i::text, 'parent', 'folder', (i + 1)::text from generate_series(1, 60) i
       union all
       select $1, 'folder', i::text, 'read', 'user', i::text from generate_series(49, 52) i`,
      [`tenant ${tests}`],
    );
    for (const resource of ["1", "2"]) {
      expect(await list({ p_resource_id: resource, p_subject_type: "user" })).toEqual([
        "user:49",
        "user:50",
      ]);
      expect(await app.check("user:50", "read", `doc:${resource}`)).toBe(true);
      expect(await app.check("user:51", "read", `doc:${resource}`)).toBe(false);
    }
  });

  it("are found though groups lead back to themselves", async () => {
    await app.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       values ($1, 'team', 'a', 'member', 'team', 'b'), ($1, 'team', 'b', 'member', 'team', 'a'),
         ($1, 'team', 'b', 'member', 'user', 'bob'), ($1, 'doc', '1', 'read', 'team', 'a')`,
      [`tenant ${tests}`],
    );
    expect(await list()).toEqual(["user:bob"]);
  });

  it("are found behind any number of subjects of their type that stand for nobody", async () => {
    await app.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       select $1, 'doc', '1', 'read', 'service', lpad(i::text, 5, '0') from generate_series(1, 5000) i
       union all
       select $1, 'service', lpad(i::text, 5, '0'), 'operator', 'user', i::text
       from unnest(array[1, 31, 32, 33, 34, 160, 161, 672, 673, 4999, 5000, 9999]) i`,
      [`tenant ${tests}`],
    );
    expect(await list({ p_subject_type: "user" })).toEqual(
      ["1", "160", "161", "31", "32", "33", "34", "4999", "5000", "672", "673"].map(
        (id) => `user:${id}`,
      ),
    );
    expect(await count()).toBe(5011);
  });

  it("of what does not exist are nobody, whatever the names", async () => {
    for (const value of [null, "", "Not an identifier", "x".repeat(5000), "\u0001"]) {
      for (const parameter of [...Object.keys(question), "p_subject_type"]) {
        if (parameter === "p_subject_type" && value === null) continue;
        expect([await list({ [parameter]: value }), await count({ [parameter]: value })]).toEqual([
          [],
          0,
        ]);
      }
    }
  });
});

describe("pages", () => {
  it("follow each other in the order of bytes, over types and ids", async () => {
    const ids = ["~", "Z", "a", "a b", "a.b", "é", "𝒳", "ﬀ"];
    for (const id of ids) await grant(`doc:1 read user:${id.replace(" ", "\u00a0")}`);
    await grant("doc:1 read bot:z", "doc:1 read user-agent:a", "doc:1 read zebra:a");
    const all = await list();
    const bytes = (text: string) => Buffer.from(text.replace(":", "\0"));
    expect(all).toHaveLength(11);
    expect(all).toEqual([...all].sort((one, other) => Buffer.compare(bytes(one), bytes(other))));
    for (const limit of [1, 2, 3, 10, 11]) {
      const walked: string[] = [];
      for (let page = await list({ p_limit: limit }); page.length > 0;) {
        walked.push(...page);
        const [type = "", id = ""] = page.at(-1)?.split(/:(.*)/s) ?? [];
        page = await list({ p_limit: limit, p_cursor_type: type, p_cursor_id: id });
      }
      expect(walked).toEqual(all);
    }
  });

  it("begin behind their cursor, whether or not it is a subject still", async () => {
    await grant("doc:1 read user:a", "doc:1 read user:c", "doc:1 read zebra:a");
    const after = (type: string | null, id: string | null) =>
      list({ p_cursor_type: type, p_cursor_id: id });
    expect(await after("user", "a")).toEqual(["user:c", "zebra:a"]);
    expect(await after("user", "b")).toEqual(["user:c", "zebra:a"]);
    expect(await after("team", "x")).toEqual(["user:a", "user:c", "zebra:a"]);
    expect(await after("user", null)).toEqual(["user:a", "user:c", "zebra:a"]);
    expect(await after("zebra", "a")).toEqual([]);
    expect(await after(null, null)).toEqual(["user:a", "user:c", "zebra:a"]);
  });

  it("of one type have no other, wherever the cursor stands", async () => {
    await grant("doc:1 read team:x", "doc:1 read user:a", "doc:1 read user-agent:a");
    await grant("doc:1 read zebra:a");
    const users = { p_subject_type: "user" };
    expect(await list(users)).toEqual(["user:a"]);
    expect(await list({ ...users, p_cursor_type: "team", p_cursor_id: "x" })).toEqual(["user:a"]);
    expect(await list({ ...users, p_cursor_type: "user", p_cursor_id: "a" })).toEqual([]);
    expect(await list({ ...users, p_cursor_type: "zebra", p_cursor_id: "0" })).toEqual([]);
    expect(await count(users)).toBe(1);
    expect(await count({ p_subject_type: "nobody" })).toBe(0);
  });

  it("give ids as they were sent and know cursors in any spelling", async () => {
    await grant("doc:1 read user:cafe\u0301", "doc:1 read user:caff", "doc:1 read team:t#member");
    await grant("team:t member user:caf\u00e9");
    const [first, second, ...rest] = await list();
    expect([first, rest]).toEqual(["user:caff", []]);
    expect(second?.normalize("NFC")).toBe("user:caf\u00e9");
    for (const id of ["caf\u00e9", "cafe\u0301"]) {
      expect(await list({ p_cursor_type: "user", p_cursor_id: id })).toEqual([]);
    }
    expect(
      await list({ p_resource_type: "team", p_resource_id: "t", p_permission: "member" }),
    ).toEqual(["user:caf\u00e9"]);
    await grant("doc:cafe\u0301 read user:ann");
    expect(await list({ p_resource_id: "caf\u00e9" })).toEqual(["user:ann"]);
  });

  it("are complete though many groups hold the same people", async () => {
    await app.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       select $1, 'doc', '1', 'read', 'team', t::text from generate_series(1, 40) t
       union all
       select $1, 'team', t::text, 'member', 'user', (t / 4 + u * 3)::text
       from generate_series(1, 40) t, generate_series(1, 9) u`,
      [`tenant ${tests}`],
    );
    const all = await list();
    expect(all).toEqual([...new Set(all)].sort());
    expect(all).toHaveLength(await count());
    for (const limit of [1, 2, 5, 7]) {
      const walked: string[] = [];
      for (let page = await list({ p_limit: limit }); page.length > 0;) {
        walked.push(...page);
        const id = page.at(-1)?.slice("user:".length);
        page = await list({ p_limit: limit, p_cursor_type: "user", p_cursor_id: id });
      }
      expect(walked).toEqual(all);
    }
  });
});

describe("tenants", () => {
  it("see their own subjects only, and are warned when they ask for another's", async () => {
    await grant("doc:1 read user:mine");
    await using other = await openSession(db.app, "elsewhere");
    await other.grant({ resource: "doc:1", relation: "read", subject: "user:theirs" });
    expect(await list()).toEqual(["user:mine"]);
    expect(app.takeWarnings()).toEqual([]);
    expect([
      await list({ p_namespace: "elsewhere" }),
      await count({ p_namespace: "elsewhere" }),
    ]).toEqual([[], 0]);
    expect(app.takeWarnings()).toEqual([
      expect.stringMatching(/^namespace is not the tenant/),
      expect.stringMatching(/^namespace is not the tenant/),
    ]);
    await app.useTenant(null);
    expect([await list(), await count()]).toEqual([[], 0]);
    expect(app.takeWarnings()).toEqual([
      expect.stringMatching(/^no tenant is set/),
      expect.stringMatching(/^no tenant is set/),
    ]);
  });

  it("are kept apart for a superuser, who sees all", async () => {
    await grant("doc:1 read team:eng#member", "team:eng member user:mine");
    await using other = await openSession(db.app, `tenant ${tests} neighbour`);
    await other.grant({ resource: "team:eng", relation: "member", subject: "user:theirs" });
    await using root = await openSession(db.super, `tenant ${tests}`);
    expect(await root.rows("list_subjects", question)).toEqual([
      { subject_type: "user", subject_id: "mine" },
    ]);
  });
});
