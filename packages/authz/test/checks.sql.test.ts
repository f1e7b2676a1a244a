import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

import { openSession, refusalOf, type Session } from "./support/session.ts";

const future = "2999-01-01T00:00:00.000Z";
const past = "2001-01-01T00:00:00.000Z";

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

/** Grants, each as "doc:1 read team:eng#member", with an end after "until". */
async function grants(...lines: string[]): Promise<void> {
  for (const line of lines) {
    const [tuple, expiresAt] = line.split(" until ") as [string, string?];
    const [resource, relation, subject] = tuple.split(" ") as [string, string, string];
    await app.grant({ resource, relation, subject, expiresAt: expiresAt ?? null });
  }
}

/** Tuples as no function would write them: cycles, and ends in the past. */
async function rawTuples(...lines: string[]): Promise<void> {
  for (const line of lines) {
    const [tuple, expiresAt] = line.split(" until ") as [string, string?];
    await app.query(
      `insert into authz.tuples
         (namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation, expires_at)
       select current_setting('postkit.tenant_id'), split_part(p[1], ':', 1), split_part(p[1], ':', 2), p[2],
         split_part(p[3], ':', 1), split_part(split_part(p[3], ':', 2), '#', 1), nullif(split_part(p[3], '#', 2), ''), $2
       from string_to_array($1, ' ') p`,
      [tuple, expiresAt ?? null],
    );
  }
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

/** Asks "user:alice read doc:1"; check, check_any and check_all must agree. */
async function allows(line: string): Promise<boolean> {
  const [subject, permission, resource] = line.split(" ") as [string, string, string];
  const [subjectType, subjectId] = subject.split(":");
  const [resourceType, resourceId] = resource.split(":");
  const args = {
    p_subject_type: subjectType,
    p_subject_id: subjectId,
    p_resource_type: resourceType,
    p_resource_id: resourceId,
  };
  const answer = await app.call<boolean>("check", { ...args, p_permission: permission });
  for (const name of ["check_any", "check_all"]) {
    expect([line, name, await app.call(name, { ...args, p_permissions: [permission] })]).toEqual([
      line,
      name,
      answer,
    ]);
  }
  return answer;
}

async function expectAnswers(answers: Record<string, boolean>): Promise<void> {
  const given: Record<string, boolean> = {};
  for (const line of Object.keys(answers)) given[line] = await allows(line);
  expect(given).toEqual(answers);
}

describe("a direct grant", () => {
  it("gives that permission on that resource to that subject, and nothing else", async () => {
    await grants("doc:1 read user:alice");
    await expectAnswers({
      "user:alice read doc:1": true,
      "user:alice write doc:1": false,
      "user:alice read doc:2": false,
      "user:alice read file:1": false,
      "user:bob read doc:1": false,
      "bot:alice read doc:1": false,
      "doc:1 read user:alice": false,
    });
  });

  it("to the holders of a relation is not one to the subject itself", async () => {
    await grants("doc:1 read team:eng#member", "doc:2 read team:eng");
    await expectAnswers({ "team:eng read doc:1": false, "team:eng read doc:2": true });
  });

  it("ends when its time has come", async () => {
    await grants(`doc:1 read user:alice until ${future}`);
    await rawTuples(`doc:2 read user:alice until ${past}`);
    await expectAnswers({ "user:alice read doc:1": true, "user:alice read doc:2": false });
  });

  it("is over at the very moment of its end", async () => {
    await app.query("begin");
    await app.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id, expires_at)
       values
         (current_setting('postkit.tenant_id'), 'doc', '1', 'read', 'user', 'alice', now()),
         (current_setting('postkit.tenant_id'), 'doc', '2', 'read', 'user', 'alice', now() + interval '1 microsecond')`,
    );
    await expectAnswers({ "user:alice read doc:1": false, "user:alice read doc:2": true });
    await app.query("rollback");
  });

  it("is seen by the transaction that wrote it", async () => {
    await app.query("begin");
    await grants("doc:1 read user:alice");
    expect(await allows("user:alice read doc:1")).toBe(true);
    await app.query("rollback");
    expect(await allows("user:alice read doc:1")).toBe(false);
  });
});

describe("a group", () => {
  it("passes on what it was granted to the holders of any relation on it", async () => {
    await grants("doc:1 read team:eng", "team:eng member user:alice", "team:eng admin user:bob");
    await expectAnswers({
      "user:alice read doc:1": true,
      "user:bob read doc:1": true,
      "user:carol read doc:1": false,
    });
  });

  it("passes on a grant to the holders of a relation to those alone", async () => {
    await grants(
      "doc:1 read team:eng#admin",
      "team:eng member user:alice",
      "team:eng admin user:bob",
    );
    await expectAnswers({ "user:alice read doc:1": false, "user:bob read doc:1": true });
  });

  it("does not take one who holds an implying permission for a holder of the relation", async () => {
    await rules("team admin>member");
    await grants("doc:1 read team:eng#member", "team:eng admin user:bob");
    await expectAnswers({ "user:bob member team:eng": true, "user:bob read doc:1": false });
  });

  it("is followed through member edges, as often as they nest", async () => {
    await grants(
      "doc:1 read team:all#member",
      "team:all member team:eng",
      "team:eng member team:infra#member",
      "team:infra member user:alice",
    );
    await expectAnswers({
      "user:alice read doc:1": true,
      "user:alice member team:all": true,
      "team:infra read doc:1": false,
      "team:eng read doc:1": true,
    });
  });

  it("is not followed through other relations between groups", async () => {
    await grants("doc:1 read team:all", "team:all admin team:eng", "team:eng member user:alice");
    expect(await allows("user:alice read doc:1")).toBe(false);
  });

  it("may be of any type", async () => {
    await grants(
      "doc:1 read org:acme#member",
      "org:acme member team:eng#member",
      "team:eng member user:alice",
    );
    expect(await allows("user:alice read doc:1")).toBe(true);
  });

  it("loses a member whose membership has ended, at every level", async () => {
    await grants("doc:1 read team:all", "team:all member team:eng");
    await rawTuples(`team:eng member user:alice until ${past}`);
    await grants("team:eng member user:bob");
    await expectAnswers({ "user:alice read doc:1": false, "user:bob read doc:1": true });
    await app.query("update authz.tuples set expires_at = $1 where subject_id = 'eng'", [past]);
    expect(await allows("user:bob read doc:1")).toBe(false);
  });

  it("loses what it was granted when that grant has ended", async () => {
    await grants("team:eng member user:alice");
    await rawTuples(`doc:1 read team:eng#member until ${past}`);
    expect(await allows("user:alice read doc:1")).toBe(false);
  });
});

describe("nested holders of a relation", () => {
  it("are admitted, and other holders of something are not (D1)", async () => {
    await grants(
      "doc:1 deploy team:platform#member",
      "team:platform member team:infra#admin",
      "team:infra admin user:root",
      "team:infra viewer user:mallory",
      "team:infra member user:bob",
    );
    await expectAnswers({
      "user:root deploy doc:1": true,
      "user:mallory deploy doc:1": false,
      "user:bob deploy doc:1": false,
      "user:mallory member team:platform": false,
    });
  });

  it("are told apart at every level", async () => {
    await grants(
      "doc:1 read team:d#member",
      "team:d member team:c#member",
      "team:c member team:b#lead",
      "team:b lead user:alice",
      "team:b member team:a#member",
      "team:a member user:bob",
    );
    await expectAnswers({ "user:alice read doc:1": true, "user:bob read doc:1": false });
  });

  it("above a first level count as members, whatever they hold below", async () => {
    await grants(
      "doc:1 read team:c#lead",
      "doc:2 read team:c#member",
      "team:c member team:b#lead",
      "team:b lead user:alice",
    );
    await expectAnswers({ "user:alice read doc:1": false, "user:alice read doc:2": true });
  });

  it("count by each relation they hold, not by one of them", async () => {
    await grants(
      "doc:1 read team:eng#admin",
      "doc:1 write team:eng#member",
      "team:eng admin user:alice",
      "team:eng member user:alice",
    );
    await expectAnswers({ "user:alice read doc:1": true, "user:alice write doc:1": true });
  });
});

describe("a parent", () => {
  it("passes grants on it down to all it contains", async () => {
    await grants(
      "folder:root read user:alice",
      "folder:sub parent folder:root",
      "doc:1 parent folder:sub",
      "doc:2 parent folder:other",
    );
    await expectAnswers({
      "user:alice read doc:1": true,
      "user:alice read folder:sub": true,
      "user:alice read doc:2": false,
    });
  });

  it("gets nothing from what it contains", async () => {
    await grants("doc:1 read user:alice", "doc:1 parent folder:root");
    expect(await allows("user:alice read folder:root")).toBe(false);
  });

  it("may be one of several", async () => {
    await grants("doc:1 parent folder:a", "doc:1 parent project:b", "project:b read user:alice");
    expect(await allows("user:alice read doc:1")).toBe(true);
  });

  it("passes grants to groups down as well", async () => {
    await grants(
      "doc:1 parent folder:a",
      "folder:a read team:eng#member",
      "team:eng member user:alice",
    );
    expect(await allows("user:alice read doc:1")).toBe(true);
  });

  it("is never a permission (D5)", async () => {
    await rules("doc parent>read", "doc owner>parent");
    await grants(
      "folder:f reader user:alice",
      "doc:1 parent folder:f",
      "doc:2 parent user:alice",
      "doc:3 owner user:alice",
    );
    await expectAnswers({
      "folder:f parent doc:1": false,
      "user:alice parent doc:1": false,
      "user:alice parent doc:2": false,
      "user:alice read doc:2": false,
      "user:alice parent doc:3": false,
      "user:alice read doc:3": false,
      "user:alice owner doc:3": true,
    });
  });

  it("is never a membership (D5)", async () => {
    await grants(
      "doc:1 parent folder:f",
      "page:1 read doc:1",
      "page:2 read doc:1#parent",
      "team:t member doc:1#parent",
    );
    await expectAnswers({
      "folder:f read page:1": false,
      "folder:f read page:2": false,
      "folder:f member team:t": false,
    });
  });

  it("gives way to the contract's meaning of a plain subject: a viewer of a doc keeps what the doc was granted", async () => {
    await grants("doc:1 viewer user:alice", "page:1 read doc:1");
    expect(await allows("user:alice read page:1")).toBe(true);
  });

  it("is no more when its edge has ended", async () => {
    await grants("folder:a read user:alice");
    await rawTuples(`doc:1 parent folder:a until ${past}`);
    await grants(`doc:2 parent folder:a until ${future}`);
    await expectAnswers({ "user:alice read doc:1": false, "user:alice read doc:2": true });
  });

  it("is not made by an edge to the holders of a relation", async () => {
    await grants(
      "doc:1 parent folder:a#viewer",
      "folder:a read user:alice",
      "folder:a viewer user:alice",
    );
    expect(await allows("user:alice read doc:1")).toBe(false);
  });
});

describe("a rule", () => {
  it("lets a permission imply another, and that one the next, in one direction", async () => {
    await rules("doc admin>write", "doc write>read");
    await grants("doc:1 admin user:alice", "doc:1 read user:bob");
    await expectAnswers({
      "user:alice admin doc:1": true,
      "user:alice write doc:1": true,
      "user:alice read doc:1": true,
      "user:bob read doc:1": true,
      "user:bob write doc:1": false,
    });
  });

  it("holds for its type of resource alone", async () => {
    await rules("doc admin>read");
    await grants("file:1 admin user:alice");
    expect(await allows("user:alice read file:1")).toBe(false);
  });

  it("is taken from the type that is asked for, also for grants on a container of another type", async () => {
    await rules("doc editor>read", "folder viewer>read");
    await grants("doc:1 parent folder:f", "folder:f editor user:alice", "folder:f viewer user:bob");
    await expectAnswers({
      "user:alice read doc:1": true,
      "user:bob read doc:1": false,
      "user:alice read folder:f": false,
      "user:bob read folder:f": true,
    });
  });

  it("of namespace global holds for all, joined with those of the tenant", async () => {
    await using owner = await openSession(db.owner, "global");
    await owner.query("set postkit.maintenance = 'on'");
    await owner.call("add_hierarchy", {
      p_resource_type: "wiki",
      p_permission: "write",
      p_implies: "read",
    });
    await rules("wiki admin>write", "wiki read>list");
    await grants("wiki:1 admin user:alice");
    await expectAnswers({
      "user:alice write wiki:1": true,
      "user:alice read wiki:1": true,
      "user:alice list wiki:1": true,
    });
    await app.useTenant(`tenant ${tests} neighbour`);
    await grants("wiki:1 admin user:alice", "wiki:2 write user:alice");
    await expectAnswers({
      "user:alice write wiki:1": false,
      "user:alice read wiki:2": true,
      "user:alice list wiki:2": false,
    });
  });

  it("gives nothing more once it is removed", async () => {
    await rules("doc admin>read");
    await grants("doc:1 admin user:alice");
    expect(await allows("user:alice read doc:1")).toBe(true);
    await app.call("clear_hierarchy", { p_resource_type: "doc" });
    expect(await allows("user:alice read doc:1")).toBe(false);
  });
});

describe("the depth of 50", () => {
  const chain = (from: string, to: string, relation: string, count: number) =>
    app.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       select current_setting('postkit.tenant_id'), $1, ($1 || i), $3, $2, ($2 || i + 1) from generate_series(1, $4) i`,
      [from, to, relation, count],
    );

  it.each([
    [49, true],
    [50, true],
    [51, false],
  ])("bounds groups: through %i of them access is %j", async (depth, answer) => {
    // team1 holds team2 … holds team<depth>, which holds alice.
    await chain("team", "team", "member", depth - 1);
    await grants("doc:1 read team:team1#member", `team:team${depth} member user:alice`);
    expect(await allows("user:alice read doc:1")).toBe(answer);
  });

  it.each([
    [49, true],
    [50, true],
    [51, false],
  ])("bounds containers: under %i of them access is %j", async (depth, answer) => {
    await chain("folder", "folder", "parent", depth);
    await grants(`folder:folder${depth + 1} read user:alice`);
    expect(await allows("user:alice read folder:folder1")).toBe(answer);
  });

  it.each([
    [49, true],
    [50, true],
    [51, false],
  ])("bounds rules: after %i of them access is %j", async (depth, answer) => {
    await app.query(
      "select authz.add_hierarchy('doc', 'p' || i, 'p' || i + 1) from generate_series(1, $1) i",
      [depth],
    );
    await grants("doc:1 p1 user:alice");
    expect(await allows(`user:alice p${depth + 1} doc:1`)).toBe(answer);
  });

  it("is counted for groups, containers and rules apart", async () => {
    await chain("team", "team", "member", 49);
    await chain("folder", "folder", "parent", 50);
    await app.query(
      "select authz.add_hierarchy('folder', 'p' || i, 'p' || i + 1) from generate_series(1, 50) i",
    );
    await grants("folder:folder51 p1 team:team1#member", "team:team50 member user:alice");
    expect(await allows("user:alice p51 folder:folder1")).toBe(true);
  });
});

describe("a cycle that raw SQL made", () => {
  it("of groups ends, and lets in who is in it", async () => {
    await rawTuples(
      "team:a member team:b",
      "team:b member team:c",
      "team:c member team:a",
      "team:d member team:d",
    );
    await grants(
      "doc:1 read team:a#member",
      "team:c member user:alice",
      "doc:2 read team:d#member",
    );
    await expectAnswers({
      "user:alice read doc:1": true,
      "user:bob read doc:1": false,
      "user:alice read doc:2": false,
      "team:a read doc:1": true,
    });
  });

  it("of containers ends, and passes grants all around", async () => {
    await rawTuples(
      "folder:a parent folder:b",
      "folder:b parent folder:a",
      "folder:c parent folder:c",
    );
    await grants("folder:a read user:alice", "folder:b write user:alice");
    await expectAnswers({
      "user:alice read folder:b": true,
      "user:alice write folder:a": true,
      "user:alice read folder:c": false,
    });
  });

  it("of rules ends, and makes its permissions one", async () => {
    await app.query(
      `insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
       select current_setting('postkit.tenant_id'), 'doc', p, i from (values ('a', 'b'), ('b', 'c'), ('c', 'a'), ('d', 'd')) r (p, i)`,
    );
    await grants("doc:1 b user:alice");
    await expectAnswers({
      "user:alice a doc:1": true,
      "user:alice c doc:1": true,
      "user:alice d doc:1": false,
    });
  });

  it("of everything with everything ends soon enough to be asked", async () => {
    await app.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       select current_setting('postkit.tenant_id'), 'node', a::text, r, 'node', b::text
       from generate_series(1, 15) a, generate_series(1, 15) b, unnest(array['member', 'parent']) r`,
    );
    await grants("node:1 read node:2#member", "node:3 member user:alice");
    await expectAnswers({ "user:alice read node:15": true, "user:bob read node:15": false });
  });
});

describe("check_any and check_all", () => {
  const ask = async (permissions: readonly (string | null)[] | null) => {
    const args = {
      p_subject_type: "user",
      p_subject_id: "alice",
      p_resource_type: "doc",
      p_resource_id: "1",
    };
    return [
      await app.call("check_any", { ...args, p_permissions: permissions }),
      await app.call("check_all", { ...args, p_permissions: permissions }),
    ];
  };

  it.each([
    ["one that is held", ["read"], [true, true]],
    ["one that is not", ["delete"], [false, false]],
    ["some of each", ["delete", "read", "write"], [true, false]],
    ["all held, by grant and by rule", ["read", "list", "write"], [true, true]],
    ["held ones twice", ["read", "write", "read", "read"], [true, true]],
    ["others twice", ["read", "delete", "delete"], [true, false]],
    ["an empty list", [], [false, true]],
    ["no list", null, [false, true]],
    ["a null in the list", [null], [false, false]],
    ["a null among held ones", ["read", null], [true, false]],
    ["parent", ["parent"], [false, false]],
    ["parent among held ones", ["parent", "read"], [true, false]],
    ["a name that cannot be", ["Not a name", ""], [false, false]],
  ] as const)("answer for %s", async (_, permissions, answers) => {
    await rules("doc read>list");
    await grants("doc:1 read user:alice", "doc:1 write team:eng", "team:eng member user:alice");
    expect(await ask(permissions)).toEqual(answers);
  });

  it("take 1000 permissions, and no more", async () => {
    await grants("doc:1 p1000 user:alice");
    const permissions = Array.from({ length: 1000 }, (_, index) => `p${index + 1}`);
    expect(await ask(permissions)).toEqual([true, false]);
    expect(await refusalOf(ask([...permissions, "p1001"]))).toMatchObject({
      code: "VAL_BATCH_TOO_LARGE",
    });
  });

  it("count duplicates towards the 1000, as they were sent", async () => {
    expect(await refusalOf(ask(Array(1001).fill("read")))).toMatchObject({
      code: "VAL_BATCH_TOO_LARGE",
    });
  });

  it("refuse too many permissions even where nothing is to be found", async () => {
    await app.useTenant(null);
    expect(await refusalOf(ask(Array(1001).fill("read")))).toMatchObject({
      code: "VAL_BATCH_TOO_LARGE",
    });
  });
});

describe("a check", () => {
  it("by position is what the contract has", async () => {
    await grants("doc:1 read user:alice");
    const { rows } = await app.query(
      `select authz.check('user', 'alice', 'read', 'doc', '1', $1) as one,
         authz.check_any('user', 'alice', array['read', 'write'], 'doc', '1', $1) as some,
         authz.check_all('user', 'alice', array['read', 'write'], 'doc', '1', $1) as every`,
      [`tenant ${tests}`],
    );
    expect(rows).toEqual([{ one: true, some: true, every: false }]);
  });

  it("answers the same inside a parallel worker", async () => {
    await rules("doc write>read");
    await grants(
      "folder:f write team:eng#member",
      "team:eng member user:alice",
      "doc:1 parent folder:f",
    );
    const server = inject("postkitServer");
    await app.query(
      `set ${server.version >= 16 ? "debug_parallel_query" : "force_parallel_mode"} = 'on'`,
    );
    const { rows } = await app.query(
      `select authz.check('user', 'alice', 'read', 'doc', '1') as yes, authz.check('user', 'bob', 'read', 'doc', '1') as no,
         authz.check_all('user', 'alice', '{read,write}', 'doc', '1') as every`,
    );
    expect(rows).toEqual([{ yes: true, no: false, every: true }]);
  });

  it("can stand in a read-only transaction", async () => {
    await grants("doc:1 read user:alice");
    await app.query("begin read only");
    expect(await allows("user:alice read doc:1")).toBe(true);
    expect(await allows("user:bob read doc:1")).toBe(false);
    await app.query("commit");
  });

  it("gives the owner and a superuser the same answers", async () => {
    await grants("doc:1 read team:eng#member", "team:eng member user:alice");
    for (const pool of [db.owner, db.super]) {
      await using session = await openSession(pool, `tenant ${tests}`);
      expect(await session.check("user:alice", "read", "doc:1")).toBe(true);
      expect(await session.check("user:bob", "read", "doc:1")).toBe(false);
    }
  });

  it("never looks beyond its namespace, though a superuser could", async () => {
    await grants(
      "doc:1 read team:eng#member",
      "doc:1 read team:all#member",
      "team:infra member user:alice",
    );
    await grants("doc:2 parent folder:f", "folder:root read user:alice");
    await app.useTenant(`tenant ${tests} neighbour`);
    await grants("team:eng member user:alice", "team:all member team:infra", "doc:1 read user:bob");
    await grants(
      "folder:f read user:alice",
      "folder:f parent folder:root",
      "team:infra lead user:bob",
    );
    await rules("doc write>read");
    await grants("doc:3 write user:alice");
    await app.useTenant(`tenant ${tests}`);
    await grants("doc:3 write user:alice");
    await using root = await openSession(db.super, `tenant ${tests}`);
    for (const resource of ["doc:1", "doc:2", "doc:3"]) {
      for (const subject of ["user:alice", "user:bob"]) {
        expect([subject, resource, await root.check(subject, "read", resource)]).toEqual([
          subject,
          resource,
          false,
        ]);
      }
    }
  });
});
