import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { openSession, type Session } from "./support/session.ts";

const past = "2001-01-01T00:00:00+00:00";
const soon = "2998-01-01T00:00:00+00:00";
const later = "2999-01-01T00:00:00+00:00";

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
  await session.query("set timezone = 'UTC'");
  // A walk that takes every way would take longer than the world is old.
  await session.query("set statement_timeout = '20s'");
  app = session;
  return () => session[Symbol.asyncDispose]();
});

/** Tuples, each as "doc:1 read team:eng#member", with an end after "until": cycles and ends in the past as well. */
async function tuples(...lines: string[]): Promise<void> {
  const rows = lines.map((line) => {
    const [tuple, until] = line.split(" until ") as [string, string?];
    const [resource, relation, subject] = tuple.split(" ") as [string, string, string];
    const [subjectKey, subjectRelation] = subject.split("#") as [string, string?];
    return { resource, relation, subject: subjectKey, subjectRelation, until };
  });
  await app.query(
    `insert into authz.tuples
       (namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation, expires_at)
     select current_setting('postkit.tenant_id'), split_part(r.resource, ':', 1), split_part(r.resource, ':', 2),
       r.relation, split_part(r.subject, ':', 1), split_part(r.subject, ':', 2), r."subjectRelation", r.until
     from jsonb_to_recordset($1)
       r (resource text, relation text, subject text, "subjectRelation" text, until timestamptz)`,
    [JSON.stringify(rows)],
  );
}

/** Rules, each as "doc write>read". */
async function rules(...lines: string[]): Promise<void> {
  for (const line of lines) {
    const [type, permission, implies] = line.split(/[ >]/);
    await app.call("add_hierarchy", {
      p_resource_type: type,
      p_permission: permission,
      p_implies: implies,
    });
  }
}

function question(line: string) {
  const [subject, permission, resource] = line.split(" ") as [string, string, string];
  const [subjectType, subjectId] = subject.split(":");
  const [resourceType, resourceId] = resource.split(":");
  return {
    p_subject_type: subjectType,
    p_subject_id: subjectId,
    p_permission: permission,
    p_resource_type: resourceType,
    p_resource_id: resourceId,
  };
}

interface PathRow {
  readonly path_type: string;
  readonly via_relation: string;
  readonly via_subject_type: string;
  readonly via_subject_id: string;
  readonly via_membership: string | null;
  readonly path_chain: string[];
}

interface Edge {
  readonly resource: { type: string; id: string };
  readonly relation: string;
  readonly subject: { type: string; id: string; relation: string | null };
  readonly expires_at: string | null;
}

interface Way {
  readonly grant: Edge;
  readonly memberships: Edge[];
  readonly containers: Edge[];
  readonly permissions: string[];
}

interface Tree {
  readonly allowed: boolean;
  readonly expires_at: string | null;
  readonly paths: (Way & { expires_at: string | null })[];
  readonly denial: {
    readonly relations: string[];
    readonly containers: { type: string; id: string }[];
    readonly memberships: { type: string; id: string; relation: string }[];
    readonly near_misses: (Way & {
      obstacles: { type: string; edge: Edge; held: string | null }[];
    })[];
  } | null;
  readonly truncated: boolean;
}

/** Asks "user:alice read doc:1" for the lines; rows, tree and check must say the same. */
async function lines(asked: string): Promise<string[]> {
  const texts = await app.rows<{ r: string }>("explain_text", question(asked));
  const rows = await paths(asked);
  const { allowed, paths: ways, truncated } = await tree(asked);
  const answer = await app.call("check", question(asked));
  expect([rows.length > 0, allowed]).toEqual([answer, answer]);
  expect(texts).toHaveLength(Math.max(rows.length, 1));
  expect(truncated || ways.length === rows.length).toBe(true);
  return texts.map(({ r }) => r);
}

function paths(asked: string, maxDepth?: number | null): Promise<PathRow[]> {
  return app.rows<PathRow>("explain", { ...question(asked), p_max_depth: maxDepth });
}

function tree(asked: string): Promise<Tree> {
  return app.call<Tree>("explain_json", question(asked));
}

/** An edge as it was written. */
function written({ resource, relation, subject }: Edge): string {
  const userset = subject.relation === null ? "" : `#${subject.relation}`;
  return `${resource.type}:${resource.id} ${relation} ${subject.type}:${subject.id}${userset}`;
}

/** Two things a level, each under both of the next level: levels times a choice of two. */
function ladder(levels: number, edge: (lower: string, upper: string) => string): string[] {
  return Array.from({ length: levels }, (_, level) =>
    ["a", "b"].flatMap((lower) =>
      ["a", "b"].map((upper) => edge(`${lower}${level}`, `${upper}${level + 1}`)),
    ),
  ).flat();
}

describe("the lines of an explanation", () => {
  it("tell a direct grant", async () => {
    await tuples("doc:1 read user:alice");
    expect(await lines("user:alice read doc:1")).toEqual(["DIRECT: user:alice has read on doc:1"]);
  });

  it("tell a grant to a group, by any relation held on it", async () => {
    await tuples("team:eng member user:alice", "team:eng admin user:alice");
    await tuples("doc:1 read team:eng#member", "doc:2 read team:eng#admin", "doc:3 read team:eng");
    expect(await lines("user:alice read doc:1")).toEqual([
      "GROUP: user:alice is member of team:eng which has read on doc:1",
    ]);
    expect(await lines("user:alice read doc:2")).toEqual([
      "GROUP: user:alice is admin of team:eng which has read on doc:2",
    ]);
    expect(await lines("user:alice read doc:3")).toEqual([
      expect.stringMatching(
        /^GROUP: user:alice is (admin|member) of team:eng which has read on doc:3$/,
      ),
    ]);
  });

  it("tell a grant to a group that holds groups", async () => {
    await tuples(
      "team:infra member user:alice",
      "team:eng member team:infra#member",
      "team:all member team:eng#member",
      "doc:1 read team:all#member",
    );
    expect(await lines("user:alice read doc:1")).toEqual([
      "GROUP: user:alice is member of team:all which has read on doc:1 (via team:infra -> team:eng -> team:all)",
    ]);
  });

  it("tell a grant of a permission that implies it, over all rules between", async () => {
    await rules("doc admin>write", "doc write>read");
    await tuples("doc:1 admin user:alice", "doc:2 write team:eng#member");
    await tuples("team:eng member user:alice");
    expect(await lines("user:alice read doc:1")).toEqual([
      "HIERARCHY: user:alice has admin (admin -> write -> read) on doc:1",
    ]);
    expect(await lines("user:alice read doc:2")).toEqual([
      "HIERARCHY: user:alice is member of team:eng which has write (write -> read) on doc:2",
    ]);
  });

  it("tell a grant on a container, up from the resource", async () => {
    await tuples("doc:1 parent folder:a", "folder:a parent folder:b", "folder:b read user:alice");
    expect(await lines("user:alice read doc:1")).toEqual([
      "RESOURCE: user:alice has read on folder:b which contains doc:1 -> folder:a -> folder:b",
    ]);
  });

  it("tell a grant that comes by groups, a rule and a container at once", async () => {
    await rules("doc write>read");
    await tuples(
      "team:infra member user:alice",
      "team:eng member team:infra",
      "doc:1 parent folder:a",
      "folder:a write team:eng#member",
    );
    expect(await lines("user:alice read doc:1")).toEqual([
      "RESOURCE: user:alice is member of team:eng which has write (write -> read) on folder:a which contains " +
        "doc:1 -> folder:a (via team:infra -> team:eng)",
    ]);
  });

  it("tell every grant once, the nearest kind first", async () => {
    await rules("doc write>read");
    await tuples(
      "folder:a read user:alice",
      "doc:1 parent folder:a",
      "doc:1 write user:alice",
      "doc:1 read team:eng#member",
      "team:eng member user:alice",
      "doc:1 read user:alice",
    );
    expect((await lines("user:alice read doc:1")).map((line) => line.split(":")[0])).toEqual([
      "DIRECT",
      "GROUP",
      "HIERARCHY",
      "RESOURCE",
    ]);
  });

  it("say so in one line when there is no access", async () => {
    await tuples("doc:1 read user:bob");
    const none = "NO ACCESS: user:alice does not have read on doc:1";
    expect(await lines("user:alice read doc:1")).toEqual([none]);
    expect(await paths("user:alice read doc:1")).toEqual([]);
    expect(
      await app.rows("explain_text", { ...question("user:alice read doc:1"), p_subject_id: null }),
    ).toEqual([{ r: "NO ACCESS: user: does not have read on doc:1" }]);
  });
});

describe("the rows of an explanation", () => {
  it("name the grant, the membership and the chain of their kind", async () => {
    await rules("doc write>read");
    await tuples(
      "doc:1 read user:alice",
      "doc:1 read team:eng#member",
      "doc:1 write user:alice",
      "folder:a write team:eng",
      "doc:1 parent folder:a",
      "team:infra member user:alice",
      "team:eng member team:infra",
    );
    const eng = { via_subject_type: "team", via_subject_id: "eng", via_membership: "member" };
    const alice = { via_subject_type: "user", via_subject_id: "alice", via_membership: null };
    expect(await paths("user:alice read doc:1")).toEqual([
      { path_type: "direct", via_relation: "read", ...alice, path_chain: [] },
      { path_type: "group", via_relation: "read", ...eng, path_chain: ["team:infra", "team:eng"] },
      { path_type: "hierarchy", via_relation: "write", ...alice, path_chain: ["write", "read"] },
      { path_type: "resource", via_relation: "write", ...eng, path_chain: ["doc:1", "folder:a"] },
    ]);
  });

  it("follow groups, containers and rules no further than asked, and never beyond 50", async () => {
    const chain = (length: number, edge: (index: number) => string) =>
      Array.from({ length }, (_, index) => edge(index));
    await tuples(
      "group:0 member user:alice",
      ...chain(60, (index) => `group:${index + 1} member group:${index}`),
      "folder:0 read user:alice",
      ...chain(60, (index) => `folder:${index + 1} parent folder:${index}`),
      ...chain(60, (index) => `doc:${index} read group:${index}`),
    );
    await rules(...chain(60, (index) => `page p${index}>p${index + 1}`));
    await tuples("page:1 p0 user:alice");
    const asks = [
      ["doc", (depth: number) => `user:alice read doc:${depth - 1}`],
      ["folder", (depth: number) => `user:alice read folder:${depth}`],
      ["page", (depth: number) => `user:alice p${depth} page:1`],
    ] as const;
    for (const [type, ask] of asks) {
      const found = async (depth: number, max?: number | null) =>
        (await paths(ask(depth), max)).length;
      expect([type, await found(3, 3), await found(4, 3)]).toEqual([type, 1, 0]);
      expect([type, await found(50), await found(50, null), await found(50, 1000)]).toEqual([
        type,
        1,
        1,
        1,
      ]);
      expect([type, await found(51), await found(51, 1000)]).toEqual([type, 0, 0]);
      expect(await app.call("check", question(ask(50)))).toBe(true);
      expect(await app.call("check", question(ask(51)))).toBe(false);
    }
  });

  it("are the direct grants alone for a depth of zero or less", async () => {
    await tuples("doc:1 read user:alice", "doc:1 read team:a", "team:a member user:alice");
    for (const depth of [0, -1, -2147483648]) {
      expect(await paths("user:alice read doc:1", depth)).toMatchObject([{ path_type: "direct" }]);
    }
  });
});

describe("explanation and check", () => {
  it("use the rules of the asked resource's type, for grants on a container as well", async () => {
    await rules("folder owner>read", "doc editor>read");
    await tuples(
      "doc:1 parent folder:a",
      "folder:a owner user:alice",
      "doc:2 parent folder:b",
      "folder:b editor user:alice",
    );
    expect(await lines("user:alice read doc:1")).toEqual([
      "NO ACCESS: user:alice does not have read on doc:1",
    ]);
    expect(await lines("user:alice read doc:2")).toEqual([
      "RESOURCE: user:alice has editor (editor -> read) on folder:b which contains doc:2 -> folder:b",
    ]);
  });

  it("merge the rules of namespace global", async () => {
    await using owner = await openSession(db.owner, "global");
    await owner.query("set postkit.maintenance = 'on'");
    await owner.call("add_hierarchy", {
      p_resource_type: "doc",
      p_permission: "boss",
      p_implies: "edit",
    });
    await rules("doc edit>see");
    await tuples("doc:1 boss user:alice");
    expect(await lines("user:alice see doc:1")).toEqual([
      "HIERARCHY: user:alice has boss (boss -> edit -> see) on doc:1",
    ]);
  });

  it("let only the holders of a relation through an edge, at every level", async () => {
    await tuples(
      "team:infra viewer user:alice",
      "team:infra admin user:bob",
      "team:platform member team:infra#admin",
      "doc:1 read team:platform#member",
    );
    expect(await lines("user:alice read doc:1")).toEqual([
      "NO ACCESS: user:alice does not have read on doc:1",
    ]);
    expect(await lines("user:bob read doc:1")).toEqual([
      "GROUP: user:bob is member of team:platform which has read on doc:1 (via team:infra -> team:platform)",
    ]);
  });

  it("do not see what has ended, at any place of the way", async () => {
    await rules("doc write>read");
    const ended = [
      [`doc:1 read user:alice until ${past}`],
      [`doc:2 read team:a`, `team:a member user:alice until ${past}`],
      ["doc:3 read team:b", `team:b member team:c until ${past}`, "team:c member user:alice"],
      [`doc:4 parent folder:a until ${past}`, "folder:a write user:alice"],
    ];
    for (const [index, edges] of ended.entries()) {
      await tuples(...edges);
      expect(await lines(`user:alice read doc:${index + 1}`)).toEqual([
        `NO ACCESS: user:alice does not have read on doc:${index + 1}`,
      ]);
    }
  });

  it("give nothing by parent, and never parent itself", async () => {
    await rules("doc parent>read", "page read>parent");
    await tuples("doc:1 parent user:alice", "doc:1 parent folder:a", "folder:a parent user:alice");
    await tuples("page:1 read user:alice", "page:1 parent user:alice");
    for (const asked of ["read doc:1", "parent doc:1", "parent page:1"]) {
      expect(await lines(`user:alice ${asked}`)).toEqual([
        `NO ACCESS: user:alice does not have ${asked.replace(" ", " on ")}`,
      ]);
    }
  });

  it("come to an end where edges go round in circles", async () => {
    await tuples(
      "team:a member team:b",
      "team:b member team:a",
      "team:a member user:alice",
      "folder:a parent folder:b",
      "folder:b parent folder:a",
      "folder:b read team:b#member",
    );
    expect(await lines("user:alice read folder:a")).toEqual([
      "RESOURCE: user:alice is member of team:b which has read on folder:b which contains folder:a -> folder:b " +
        "(via team:a -> team:b)",
    ]);
    expect(await lines("user:alice write folder:a")).toHaveLength(1);
  });

  it("take one way to each grant, however many there are: 2^40 up a ladder of diamonds", async () => {
    await tuples(
      "team:a0 member user:alice",
      ...ladder(40, (lower, upper) => `team:${upper} member team:${lower}#member`),
      ...ladder(40, (lower, upper) => `folder:${lower} parent folder:${upper}`),
      "folder:a40 p0 team:a40#member",
    );
    await rules("folder p0>a0", ...ladder(40, (lower, upper) => `folder ${lower}>${upper}`));
    const [row, ...others] = await paths("user:alice a40 folder:a0");
    expect(others).toEqual([]);
    expect(row?.path_chain).toHaveLength(41);
    const { paths: ways, ...answer } = await tree("user:alice a40 folder:a0");
    expect(answer).toMatchObject({ allowed: true, expires_at: null, truncated: false });
    expect(ways.map((way) => [way.memberships, way.containers, way.permissions])).toEqual([
      [{ length: 41 }, { length: 40 }, { length: 42 }].map((list) => expect.objectContaining(list)),
    ]);
    expect(await tree("user:alice other folder:a0")).toMatchObject({ allowed: false });
  });

  it("tell of every one of 2,000 groups", async () => {
    const all = Array.from({ length: 2000 }, (_, index) => `team:t${index}`);
    await tuples(
      ...all.map((team) => `${team} member user:alice`),
      ...all.map((team) => `doc:1 read ${team}#member`),
      ...all.map((team) => `folder:a read ${team}#admin`),
      "doc:1 parent folder:a",
    );
    expect(await lines("user:alice read doc:1")).toHaveLength(2000);
    expect(await tree("user:alice read doc:1")).toMatchObject({
      allowed: true,
      paths: { length: 100 },
      truncated: true,
    });
    expect(await tree("user:alice read folder:a")).toMatchObject({
      allowed: false,
      denial: { memberships: { length: 100 }, near_misses: { length: 100 } },
      truncated: true,
    });
  });

  it("take ids in any spelling and give them as they were sent", async () => {
    const composed = "caf\u00e9";
    const decomposed = "cafe\u0301";
    await app.grant({ resource: `team:${composed}`, relation: "member", subject: "user:zo\u00eb" });
    await app.grant({
      resource: `folder:${decomposed}`,
      relation: "read",
      subject: `team:${decomposed}#member`,
    });
    await app.grant({
      resource: "doc:1",
      relation: "parent",
      subject: `folder:${composed}`,
    });
    expect(await lines("user:zoe\u0308 read doc:1")).toEqual([
      `RESOURCE: user:zoe\u0308 is member of team:${decomposed} which has read on folder:${composed} which contains ` +
        `doc:1 -> folder:${composed}`,
    ]);
    expect(await tree("user:zoe\u0308 read doc:1")).toMatchObject({
      subject: { type: "user", id: "zoe\u0308" },
      paths: [{ grant: { resource: { type: "folder", id: decomposed } } }],
    });
  });

  it("show nothing of another tenant, and warn", async () => {
    const asked = question("user:alice read doc:1");
    const home = `tenant ${tests}`;
    await tuples(
      "doc:1 read team:secret",
      "team:secret member user:alice",
      "doc:2 read user:alice",
    );
    await app.useTenant("elsewhere");
    await tuples("doc:1 parent folder:secret", "folder:secret read user:bob");
    expect(await lines("user:alice read doc:1")).toEqual([
      "NO ACCESS: user:alice does not have read on doc:1",
    ]);
    app.takeWarnings();
    const foreign = { ...asked, p_namespace: home };
    expect(await app.rows("explain", foreign)).toEqual([]);
    expect(JSON.stringify(await app.call("explain_json", foreign))).not.toContain("secret");
    expect(app.takeWarnings()).toHaveLength(2);
    await using root = await openSession(db.super, home);
    const tenants = await root.call<Tree>("explain_json", { ...asked, p_resource_id: "2" });
    expect(tenants).toMatchObject({ allowed: true, paths: { length: 1 } });
    const unwarned = await root.call<Tree>("explain_json", { ...asked, p_subject_id: "bob" });
    expect(JSON.stringify(unwarned)).not.toContain("folder");
  });

  it("end at the very moment of an end", async () => {
    await app.query("begin");
    await app.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id, expires_at)
       values
         (current_setting('postkit.tenant_id'), 'doc', '1', 'read', 'user', 'alice', now()),
         (current_setting('postkit.tenant_id'), 'doc', '2', 'read', 'user', 'alice', now() + interval '1 microsecond')`,
    );
    expect(await paths("user:alice read doc:1")).toEqual([]);
    expect(await paths("user:alice read doc:2")).toHaveLength(1);
    await app.query("rollback");
  });
});

describe("the tree of an explanation", () => {
  it("has the question, and each way edge by edge", async () => {
    await rules("doc write>read");
    await tuples(
      "team:infra member user:alice",
      `team:eng member team:infra#member until ${soon}`,
      "doc:1 parent folder:a",
      `folder:a write team:eng#member until ${later}`,
    );
    expect(await tree("user:alice read doc:1")).toEqual({
      allowed: true,
      subject: { type: "user", id: "alice" },
      permission: "read",
      resource: { type: "doc", id: "1" },
      expires_at: soon,
      paths: [
        {
          grant: {
            resource: { type: "folder", id: "a" },
            relation: "write",
            subject: { type: "team", id: "eng", relation: "member" },
            expires_at: later,
          },
          memberships: [
            {
              resource: { type: "team", id: "infra" },
              relation: "member",
              subject: { type: "user", id: "alice", relation: null },
              expires_at: null,
            },
            {
              resource: { type: "team", id: "eng" },
              relation: "member",
              subject: { type: "team", id: "infra", relation: "member" },
              expires_at: soon,
            },
          ],
          containers: [
            {
              resource: { type: "doc", id: "1" },
              relation: "parent",
              subject: { type: "folder", id: "a", relation: null },
              expires_at: null,
            },
          ],
          permissions: ["write", "read"],
          expires_at: soon,
        },
      ],
      denial: null,
      truncated: false,
    });
  });

  it("says when access ends: at the latest end of all ways, each over at its first", async () => {
    await tuples(`doc:1 read user:alice until ${soon}`, `doc:1 read team:a until ${later}`);
    expect((await tree("user:alice read doc:1")).expires_at).toBe(soon);
    await tuples("team:a member user:alice");
    const both = await tree("user:alice read doc:1");
    expect([both.expires_at, ...both.paths.map((path) => path.expires_at)]).toEqual([
      later,
      later,
      soon,
    ]);
    await tuples("doc:1 parent folder:a", "folder:a read user:alice");
    expect((await tree("user:alice read doc:1")).expires_at).toBeNull();
  });

  it("takes the way that lasts longest, even where a shorter one leads to the same group", async () => {
    await tuples(
      `team:top member user:alice until ${soon}`,
      `team:low member user:alice until ${later}`,
      "team:top member team:low#member",
      "doc:1 read team:top#member",
      `doc:1 parent folder:far until ${soon}`,
      "doc:1 parent folder:near",
      "folder:near parent folder:far",
      "folder:far read user:alice",
    );
    const { expires_at, paths: ways } = await tree("user:alice read doc:1");
    expect(expires_at).toBeNull();
    expect(ways.map((way) => [way.expires_at, way.containers.map(written)])).toEqual([
      [null, ["doc:1 parent folder:near", "folder:near parent folder:far"]],
      [later, []],
    ]);
    expect(ways[1]?.memberships.map(written)).toEqual([
      "team:low member user:alice",
      "team:top member team:low#member",
    ]);
  });

  it("counts an end at infinity as none", async () => {
    await tuples("doc:1 read user:alice until infinity");
    expect(await tree("user:alice read doc:1")).toMatchObject({
      expires_at: null,
      paths: [{ expires_at: null, grant: { expires_at: null } }],
    });
  });

  it("of a denial has what was looked at", async () => {
    await rules("doc write>read");
    await tuples(
      "doc:1 parent folder:a",
      "folder:a parent folder:b",
      "team:infra member user:alice",
      "team:eng member team:infra",
      "doc:2 read user:alice",
    );
    expect(await tree("user:alice read doc:1")).toMatchObject({
      allowed: false,
      expires_at: null,
      paths: [],
      denial: {
        relations: ["read", "write"],
        containers: [
          { type: "doc", id: "1" },
          { type: "folder", id: "a" },
          { type: "folder", id: "b" },
        ],
        memberships: [
          { type: "team", id: "infra", relation: "member" },
          { type: "team", id: "eng", relation: "member" },
        ],
        near_misses: [],
      },
      truncated: false,
    });
  });

  it("of a denial about nothing known is empty but for the question", async () => {
    expect(await tree("user:nobody fly moon:1")).toEqual({
      allowed: false,
      subject: { type: "user", id: "nobody" },
      permission: "fly",
      resource: { type: "moon", id: "1" },
      expires_at: null,
      paths: [],
      denial: {
        relations: ["fly"],
        containers: [{ type: "moon", id: "1" }],
        memberships: [],
        near_misses: [],
      },
      truncated: false,
    });
  });

  it.each([
    ["the grant", ["doc:1 read user:alice until PAST"]],
    ["a membership", ["team:a member user:alice until PAST", "doc:1 read team:a#member"]],
    [
      "a group's membership",
      [
        "team:b member team:a until PAST",
        "team:a member user:alice",
        `doc:1 read team:b until ${later}`,
      ],
    ],
    ["a container's place", ["doc:1 parent folder:a until PAST", "folder:a read user:alice"]],
  ])("of a denial tells that %s has ended, and when", async (_, edges) => {
    await tuples(...edges.map((edge) => edge.replace("PAST", past)));
    const ended = edges.find((edge) => edge.endsWith("PAST"))?.replace(" until PAST", "");
    const { allowed, denial } = await tree("user:alice read doc:1");
    expect(allowed).toBe(false);
    expect(denial?.near_misses).toHaveLength(1);
    const [miss] = denial?.near_misses ?? [];
    expect(miss?.obstacles.map(({ type, edge }) => [type, written(edge), edge.expires_at])).toEqual(
      [["expired", ended, past]],
    );
    const way = [miss?.grant, ...(miss?.memberships ?? []), ...(miss?.containers ?? [])];
    expect(new Set(way.map((edge) => edge && written(edge)))).toEqual(
      new Set(edges.map((edge) => edge.replace(/ until .*/, ""))),
    );
  });

  it.each([
    [
      "a grant",
      ["team:a viewer user:alice", "doc:1 read team:a#admin"],
      "doc:1 read team:a#admin",
      "viewer",
    ],
    [
      "a group in a group",
      ["team:a viewer user:alice", "team:b member team:a#admin", "doc:1 read team:b#member"],
      "team:b member team:a#admin",
      "viewer",
    ],
  ])(
    "of a denial tells that %s is to the holders of another relation",
    async (_, edges, edge, held) => {
      await tuples(...edges);
      const { denial } = await tree("user:alice read doc:1");
      expect(denial?.near_misses.map(({ obstacles }) => obstacles)).toEqual([
        [{ type: "relation", edge: expect.anything(), held }],
      ]);
      expect(denial?.near_misses[0]?.obstacles.map((obstacle) => written(obstacle.edge))).toEqual([
        edge,
      ]);
    },
  );

  it("of a denial has the way with the fewest obstacles to each grant, and the nearest miss first", async () => {
    await tuples(
      `team:a member user:alice until ${past}`,
      `doc:1 read team:a#member until ${past}`,
      `folder:a read user:alice until ${past}`,
      "doc:1 parent folder:a",
      "folder:b read team:c#admin",
      `doc:1 parent folder:b until ${past}`,
      "folder:a parent folder:b",
      `team:c viewer user:alice until ${past}`,
      "team:b viewer user:alice",
      "team:c member team:b",
    );
    const { denial } = await tree("user:alice read doc:1");
    expect(
      denial?.near_misses.map(({ grant, obstacles }) => [
        written(grant),
        obstacles.map(({ type, held }) => (held === null ? type : `${type} ${held}`)),
      ]),
    ).toEqual([
      ["folder:b read team:c#admin", ["relation member"]],
      ["folder:a read user:alice", ["expired"]],
      ["doc:1 read team:a#member", ["expired", "expired"]],
    ]);
  });
});
