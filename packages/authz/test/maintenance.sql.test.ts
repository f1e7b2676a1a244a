import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { openExplainedSession } from "./support/plans.ts";
import { openSession, refusalOf, type Session } from "./support/session.ts";

interface Finding {
  resource_type: string;
  resource_id: string;
  status: string;
  details: string;
}

let db: TestDatabase;
let app: Session;
let tenant: string;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(async () => {
  tests += 1;
  tenant = `tenant ${tests}`;
  const session = await openSession(db.app, tenant);
  app = session;
  return () => session[Symbol.asyncDispose]();
});

/** Edges as raw SQL writes them, which nothing tests for cycles: `team:a member team:b`, `doc:1 parent folder:f`. */
async function insert(...edges: string[]): Promise<void> {
  for (const edge of edges) {
    await app.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       values ($1, $2, $3, $4, $5, $6)`,
      [tenant, ...edge.split(/[ :]/)],
    );
  }
}

const verify = (session = app) => session.rows<Finding>("verify_integrity");
const findings = async (session = app) =>
  (await verify(session)).map(({ resource_id: id, details }) => [id, details]);

describe("verify_integrity", () => {
  it("finds nothing in a tenant that has nothing, and in one that was written by the functions", async () => {
    expect(await verify()).toEqual([]);
    await app.grant({ resource: "team:b", relation: "member", subject: "team:a" });
    await app.grant({ resource: "team:c", relation: "member", subject: "team:b#member" });
    await app.grant({ resource: "team:c", relation: "member", subject: "team:a" });
    await app.grant({ resource: "folder:x", relation: "parent", subject: "folder:y" });
    await app.grant({ resource: "folder:x", relation: "parent", subject: "folder:z" });
    await app.grant({ resource: "folder:y", relation: "parent", subject: "folder:z" });
    expect(await verify()).toEqual([]);
  });

  it("warns of a cycle of groups, and shows it", async () => {
    await insert("team:b member team:a", "team:c member team:b", "team:a member team:c");
    expect(await verify()).toEqual([
      {
        resource_type: "system",
        resource_id: "group_cycles",
        status: "warning",
        details: "groups are members of each other: team:a in team:b in team:c in team:a",
      },
    ]);
  });

  it("warns of a cycle of resources, and shows it", async () => {
    await insert("doc:1 parent folder:x", "folder:x parent folder:y", "folder:y parent folder:x");
    expect(await verify()).toEqual([
      {
        resource_type: "system",
        resource_id: "resource_cycles",
        status: "warning",
        details: "resources are inside each other: folder:x in folder:y in folder:x",
      },
    ]);
  });

  it.each([
    ["of one group in itself", ["team:a member team:a"], "team:a in team:a"],
    [
      "behind what is in none",
      ["team:in member team:root", "team:in member team:x", "team:x member team:in"],
      "team:in in team:x in team:in",
    ],
    [
      "beside a group that is in it twice",
      ["t:a member t:b", "t:a member t:c", "t:b member t:d", "t:c member t:d", "t:d member t:a"],
      "t:a in t:d in t:b in t:a",
    ],
    [
      "that is too long to show",
      Array.from({ length: 12 }, (_, i) => `t:${i + 10} member t:${((i + 1) % 12) + 10}`),
      "t:10 in t:21 in t:20 in t:19 in t:18 in t:17 in t:16 in t:15 in … (3 more) in t:11 in t:10",
    ],
    [
      "of types whose names could run together",
      ["a-b:c member a:b-c", "a:b-c member a-b:c"],
      "a-b:c in a:b-c in a-b:c",
    ],
  ])("finds a cycle %s", async (_, edges, cycle) => {
    await insert(...edges);
    expect(await findings()).toEqual([
      ["group_cycles", `groups are members of each other: ${cycle}`],
    ]);
  });

  it("finds one that an edge closes which has ended or admits the holders of a relation alone", async () => {
    await insert("team:b member team:a", "team:a member team:b");
    await app.query("update authz.tuples set expires_at = '2001-01-01' where resource_id = 'a'");
    expect(await findings()).toHaveLength(1);
    await app.query("delete from authz.tuples where resource_id = 'a'");
    expect(await findings()).toEqual([]);
    await app.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation)
       values ($1, 'team', 'a', 'member', 'team', 'b', 'admin')`,
      [tenant],
    );
    expect(await findings()).toHaveLength(1);
  });

  it("does not take users, permissions or the other relation for a part of one", async () => {
    await insert("user:b member user:a", "user:a member user:b");
    await insert("doc:b read doc:a", "doc:a read doc:b");
    await insert("node:b member node:a", "node:b parent node:a");
    expect(await verify()).toEqual([]);
  });

  it("sees its tenant alone, as the application and as the owner, and warns outside it", async () => {
    await insert("team:b member team:a", "team:a member team:b");
    await using owner = await openSession(db.owner, tenant);
    expect(await findings(owner)).toHaveLength(1);
    for (const session of [app, owner]) {
      await session.useTenant("neighbour");
      expect(await findings(session)).toEqual([]);
      expect(await session.rows("verify_integrity", { p_namespace: tenant })).toEqual([]);
      expect(session.takeWarnings()).toHaveLength(1);
    }
    await using root = await openSession(db.super, "neighbour");
    expect(await findings(root)).toEqual([]);
  });

  it("works in a read-only transaction", async () => {
    await insert("team:b member team:a", "team:a member team:b");
    await app.query("begin read only");
    expect(await findings()).toHaveLength(1);
    await app.query("commit");
  });

  it("takes a time that grows with the edges, not with the paths: 100,000 edges, 2^1000 paths", async () => {
    await db.super.query("alter table authz.tuples disable trigger tuples_audit");
    await db.super.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       select $1, 'folder', 'l' || i || '-' || a, 'parent', 'folder', 'l' || i + 1 || '-' || b
       from generate_series(1, 1000) i, generate_series(1, 10) a, generate_series(1, 10) b`,
      [tenant],
    );
    await db.super.query("alter table authz.tuples enable trigger tuples_audit");
    await app.query("set statement_timeout = '20s'");
    expect(await findings()).toEqual([]);
    await insert("folder:l1001-7 parent folder:l1-3");
    expect((await findings()).map(([id]) => id)).toEqual(["resource_cycles"]);
  });

  it("tells each tenant of events in the default partition, and of none once they are moved", async () => {
    const record = `insert into authz.audit_events (namespace, event_type, resource_type, resource_id, relation,
        subject_type, subject_id, current_user_name, event_time)
      values ('somebody', 'tuple_created', 'doc', '1', 'read', 'user', 'alice', 'test', $1)`;
    const found = [
      {
        resource_type: "system",
        resource_id: "audit_partitions",
        status: "error",
        details:
          "the default partition of the audit holds events: create the partitions of their months",
      },
    ];
    await using owner = await openSession(db.owner, tenant);
    await owner.query(
      "create table authz.odd partition of authz.audit_events for values from (minvalue) to ('1999-01-01')",
    );
    await db.super.query(record, ["1998-01-01"]);
    expect(await verify()).toEqual([]);
    for (const [time, year, month] of [
      ["2001-01-31 23:59:59.999999+00", 2001, 1],
      ["2001-03-01 00:00:00+00", 2001, 3],
      ["9999-12-31 23:00:00+00", 9999, 12],
    ]) {
      await db.super.query(record, [time]);
      expect([await verify(), await verify(owner)]).toEqual([found, found]);
      await owner.call("create_audit_partition", { p_year: year, p_month: month });
      expect([await verify(), await verify(owner)]).toEqual([[], []]);
    }
    await db.super.query(record, ["infinity"]);
    expect(await verify()).toEqual(found);
    await db.super.query("delete from authz.audit_events where event_time = 'infinity'");
    expect(await verify()).toEqual([]);
  });

  it("looks for them in the default partition alone", async () => {
    await using explained = await openExplainedSession(db, tenant);
    await explained.rows("verify_integrity");
    const tables = explained.takeScans().flatMap((scan) => scan["Relation Name"] ?? []);
    expect(tables.filter((name) => name.startsWith("audit_events"))).toEqual([
      "audit_events_default",
    ]);
  });
});

describe("rebuild_graph", () => {
  const load = async () => {
    await db.super.query(`
      set session_replication_role = replica;
      insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
      values
        ('${tenant}', 'team', 'eng', 'member', 'user', 'alice'),
        ('${tenant}', 'folder', 'a', 'read', 'team', 'eng'),
        ('${tenant}', 'folder', 'b', 'parent', 'folder', 'a'),
        ('${tenant}', 'doc', '1', 'parent', 'folder', 'b'),
        ('${tenant}', 'user', 'bob', 'manager', 'user', 'carol');
      reset session_replication_role`);
  };
  const graph = async () => {
    const { rows } = await db.super.query<{ types: string[]; edges: string[] }>(
      `select (
           select array(select unnest(group_types) order by 1) from authz.graph_state where namespace = $1
         ) as types,
         array(
           select concat_ws(' ', child_type, parent_type, is_cyclic) from authz.type_edges where namespace = $1 order by 1
         ) as edges`,
      [tenant],
    );
    return rows[0];
  };
  const rebuild = () => app.call("rebuild_graph");

  it("finds what was loaded with triggers off, as verify_integrity asks for", async () => {
    await load();
    expect(await app.check("user:alice", "read", "doc:1")).toBe(false);
    expect(await verify()).toMatchObject([{ resource_id: "type_graph", status: "error" }]);
    await rebuild();
    expect(await verify()).toEqual([]);
    expect(await app.check("user:alice", "read", "doc:1")).toBe(true);
    const sight = { p_subject_type: "user", p_subject_id: "alice", p_resource_type: "doc" };
    expect(await app.rows("list_resources", { ...sight, p_permission: "read" })).toEqual([
      { resource_id: "1" },
    ]);
    expect(await graph()).toEqual({
      types: ["team", "user"],
      edges: ["doc folder f", "folder folder t"],
    });
  });

  it("gives what the triggers give, adds nothing to it, and forgets nothing", async () => {
    await insert("doc:1 read club:a", "doc:1 read user:alice", "folder:b parent doc:1");
    await insert("team:eng member user:alice", "team:all member team:eng", "doc:2 parent folder:b");
    const known = await graph();
    expect(known?.edges).toEqual(["doc folder t", "folder doc t"]);
    await rebuild();
    expect(await graph()).toEqual(known);
    await app.query("delete from authz.tuples");
    await rebuild();
    expect(await graph()).toEqual(known);
  });

  it("works in its tenant alone, and refuses a namespace that is none", async () => {
    await load();
    await using other = await openSession(db.app, "another tenant");
    const refusals = [{ p_namespace: tenant }, { p_namespace: null }, { p_namespace: " " }];
    const codes: unknown[] = [];
    for (const args of refusals)
      codes.push((await refusalOf(other.call("rebuild_graph", args))).code);
    expect(codes).toEqual(["BIZ_TENANT_MISMATCH", "VAL_NAMESPACE_NULL", "VAL_NAMESPACE_EMPTY"]);
    expect(await graph()).toEqual({ types: null, edges: [] });
  });

  it("is not needed after the owner wrote for a tenant, with row level security lifted", async () => {
    await using owner = await openSession(db.owner);
    await owner.query("set postkit.maintenance = 'on'");
    await owner.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       values ($1, 'team', 'eng', 'member', 'user', 'alice'), ($1, 'doc', '1', 'read', 'team', 'eng'),
         ($1, 'doc', '2', 'parent', 'folder', 'f'), ($1, 'folder', 'f', 'read', 'user', 'alice')`,
      [tenant],
    );
    expect(await app.check("user:alice", "read", "doc:1")).toBe(true);
    const args = {
      p_subject_type: "user",
      p_subject_id: "alice",
      p_resource_type: "doc",
      p_permission: "read",
    };
    expect((await app.rows("list_resources", args)).length).toBe(2);
    expect(await verify()).toEqual([]);
  });
});

describe("get_stats", () => {
  const stats = async (session = app) => (await session.rows("get_stats"))[0];

  it("counts nothing in a tenant that has nothing", async () => {
    expect(await stats()).toEqual({
      tuple_count: "0",
      hierarchy_rule_count: "0",
      unique_users: "0",
      unique_resources: "0",
    });
  });

  it("counts tuples, rules, users and resources of the tenant, and global rules", async () => {
    await using owner = await openSession(db.owner, "global");
    await owner.query("set postkit.maintenance = 'on'");
    await owner.call("add_hierarchy", {
      p_resource_type: "page",
      p_permission: "write",
      p_implies: "read",
    });
    await app.call("add_hierarchy", {
      p_resource_type: "doc",
      p_permission: "write",
      p_implies: "read",
    });
    for (const [resource, subject] of [
      ["doc:1", "user:alice"],
      ["doc:1", "user:bob"],
      ["doc:2", "user:alice"],
      ["folder:1", "team:eng#member"],
      ["folder:1", "bot:alice"],
    ] as const) {
      await app.grant({ resource, relation: "read", subject });
    }
    await app.grant({ resource: "doc:1", relation: "write", subject: "user:alice" });
    await insert("doc:3 read user:caf\u00e9");
    await app.query("update authz.tuples set expires_at = '2001-01-01' where resource_id = '3'");
    const expected = {
      tuple_count: "7",
      hierarchy_rule_count: "2",
      unique_users: "3",
      unique_resources: "4",
    };
    expect(await stats()).toEqual(expected);
    await using root = await openSession(db.super, tenant);
    expect(await stats(root)).toEqual(expected);
    await owner.useTenant(tenant);
    await owner.query("set postkit.maintenance = 'off'");
    expect(await stats(owner)).toEqual(expected);
    await owner.useTenant("global");
    await owner.query("set postkit.maintenance = 'on'");
    await owner.call("clear_hierarchy", { p_resource_type: "page" });
  });

  it("counts nothing outside the tenant, and warns", async () => {
    await app.grant({ resource: "doc:1", relation: "read", subject: "user:alice" });
    await app.useTenant("neighbour");
    expect(await app.rows("get_stats", { p_namespace: tenant })).toMatchObject([
      { tuple_count: "0", unique_users: "0" },
    ]);
    expect(app.takeWarnings()).toEqual([
      "namespace is not the tenant of this transaction: nothing of it is visible",
    ]);
  });
});
