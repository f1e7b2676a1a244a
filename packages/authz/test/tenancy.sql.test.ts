import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { countRows, openSession, refusalOf, type Session } from "./support/session.ts";

const unset = "no tenant is set: nothing is visible";
const mismatch = "namespace is not the tenant of this transaction: nothing of it is visible";

const tables = ["tuples", "permission_hierarchy", "graph_state", "audit_events"];

const grant = { resource: "doc:1", relation: "read", subject: "user:alice" };
const rule = { p_resource_type: "doc", p_permission: "write", p_implies: "read" };
const question = {
  p_subject_type: "user",
  p_subject_id: "alice",
  p_resource_type: "doc",
  p_resource_id: "1",
};

let db: TestDatabase;
let before: Record<string, number>;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
  for (const tenant of ["acme", "globex"]) {
    await using app = await openSession(db.app, tenant);
    await app.grant(grant);
    await app.grant({ resource: "team:eng", relation: "member", subject: "team:infra" });
    await app.grant({ resource: "doc:secret", relation: "read", subject: `user:of-${tenant}` });
    await app.call("add_hierarchy", rule);
  }
  await using owner = await openSession(db.owner, "global");
  await owner.query("set postkit.maintenance = 'on'");
  await owner.call("add_hierarchy", { ...rule, p_resource_type: "page" });
  before = await countRows(db.super);
});

afterAll(() => db.drop());

/** Both are bound by row level security: the application, and an owner that is no superuser. */
const bound = [
  ["the application role", () => db.app],
  ["the owner", () => db.owner],
] as const;

describe.each(bound)("%s", (_, pool) => {
  it.each(tables)("sees in %s only the rows of its tenant", async (table) => {
    await using session = await openSession(pool(), "acme");
    const { rows } = await session.query<{ namespace: string }>(
      `select distinct namespace from authz.${table} where namespace <> 'global'`,
    );
    expect(rows).toEqual([{ namespace: "acme" }]);
  });

  it.each(tables)("sees in %s nothing of any tenant without one", async (table) => {
    await using session = await openSession(pool());
    for (const tenant of ["", null, " ", "acm", "acme ", "ACME", "%"]) {
      await session.useTenant(tenant);
      const { rows } = await session.query(
        `select from authz.${table} where namespace <> 'global'`,
      );
      expect(rows).toEqual([]);
    }
  });

  it("changes no row of another tenant, whatever it asks for", async () => {
    await using session = await openSession(pool(), "acme");
    for (const statement of [
      "update authz.tuples set expires_at = now() where namespace = 'globex'",
      "delete from authz.tuples where namespace = 'globex'",
      "delete from authz.tuples where namespace <> current_setting('postkit.tenant_id')",
      "delete from authz.permission_hierarchy where namespace <> 'acme'",
      "update authz.graph_state set version = 0 where namespace <> 'acme'",
    ]) {
      expect([statement, (await session.query(statement)).rowCount]).toEqual([statement, 0]);
    }
  });

  it("writes no row into another tenant", async () => {
    await using session = await openSession(pool(), "acme");
    for (const statement of [
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       values ('globex', 'doc', 'new', 'read', 'user', 'alice')`,
      `insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
       values ('globex', 'doc', 'a', 'b')`,
      "insert into authz.graph_state (namespace) values ('globex')",
    ]) {
      expect(await refusalOf(session.query(statement))).toMatchObject({
        sqlstate: "42501",
        detail: undefined,
      });
    }
  });

  it("cannot tell from an error whether another tenant has a row", async () => {
    await using session = await openSession(pool(), "acme");
    const insert = (id: string) =>
      session.query(
        `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
         values ('globex', 'doc', $1, 'read', 'user', 'alice')`,
        [id],
      );
    const there = await refusalOf(insert("1"));
    const missing = await refusalOf(insert("missing"));
    expect(there).toEqual(missing);
    expect(there).toMatchObject({ sqlstate: "42501" });
  });

  it("moves no row to another tenant", async () => {
    await using session = await openSession(pool(), "acme");
    const work = session.query("update authz.tuples set namespace = 'globex'");
    expect(await refusalOf(work)).toMatchObject({ sqlstate: "42501" });
  });

  it("reaches no audit row through the partition", async () => {
    for (const tenant of ["acme", null]) {
      await using session = await openSession(pool(), tenant);
      const rows = await session.query("select from authz.audit_events_default").then(
        (result) => result.rows,
        (error: unknown) => (error as { code: string }).code,
      );
      expect(rows).toEqual(pool() === db.app ? "42501" : []);
    }
  });

  it("reads nothing with a tenant that is not set, and is warned", async () => {
    await using session = await openSession(pool());
    const answers = [
      await session.check("user:alice", "read", "doc:1"),
      await session.call("check_any", {
        ...question,
        p_permissions: ["read"],
        p_namespace: "acme",
      }),
      await session.call("check_all", {
        ...question,
        p_permissions: ["read"],
        p_namespace: "acme",
      }),
      await session.rows("get_audit_events", { p_namespace: "acme" }),
    ];
    expect(answers).toEqual([false, false, false, []]);
    expect(session.takeWarnings()).toEqual([unset, unset, unset, unset]);
  });

  it("reads nothing of a namespace that is not its tenant, and is warned", async () => {
    await using session = await openSession(pool(), "acme");
    const answers = [
      await session.call("check", { ...question, p_permission: "read", p_namespace: "globex" }),
      await session.call("check_any", {
        ...question,
        p_permissions: ["read"],
        p_namespace: "globex",
      }),
      await session.call("check_all", {
        ...question,
        p_permissions: ["read"],
        p_namespace: "globex",
      }),
      await session.rows("get_audit_events", { p_namespace: "globex" }),
    ];
    expect(answers).toEqual([false, false, false, []]);
    expect(session.takeWarnings()).toEqual([mismatch, mismatch, mismatch, mismatch]);
  });

  it("is not warned inside its tenant", async () => {
    await using session = await openSession(pool(), "acme");
    expect(await session.check("user:alice", "read", "doc:1")).toBe(true);
    expect(await session.check("user:bob", "read", "doc:1")).toBe(false);
    await session.rows("get_audit_events");
    expect(session.takeWarnings()).toEqual([]);
  });

  it("deletes nothing in a namespace that is not its tenant, and is warned", async () => {
    await using session = await openSession(pool(), "acme");
    const structural = { resource: "team:eng", relation: "member", subject: "team:infra" };
    const answers = [
      await session.revoke({ ...grant, namespace: "globex" }),
      await session.revoke({ ...structural, namespace: "globex" }),
      await session.call("remove_hierarchy", { ...rule, p_namespace: "globex" }),
      await session.call("clear_hierarchy", { p_resource_type: "doc", p_namespace: "globex" }),
    ];
    expect(answers).toEqual([false, false, false, 0]);
    expect(session.takeWarnings()).toEqual([mismatch, mismatch, mismatch, mismatch]);
  });

  it("reads global rules in every tenant, and with none", async () => {
    await using session = await openSession(pool());
    for (const tenant of [null, "acme", "new"]) {
      await session.useTenant(tenant);
      const { rows } = await session.query(
        "select resource_type, permission from authz.permission_hierarchy where namespace = 'global'",
      );
      expect(rows).toEqual([{ resource_type: "page", permission: "write" }]);
    }
  });

  it("has changed nothing of anybody by all this", async () => {
    expect(await countRows(db.super)).toEqual(before);
  });
});

describe("the application role", () => {
  const insertGlobal = `insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
     values ('global', 'doc', 'a', 'b')`;
  const deleteGlobal = "delete from authz.permission_hierarchy where namespace = 'global'";

  const disguises = [
    ["with another tenant", "acme", "off"],
    ["with tenant global", "global", "off"],
    ["with tenant global in maintenance", "global", "on"],
    ["in maintenance without a tenant", null, "on"],
  ] as const;

  const refusals: Readonly<Record<string, string>> = {
    none: "BIZ_TENANT_NOT_SET",
    acme: "BIZ_TENANT_MISMATCH",
    global: "BIZ_GLOBAL_PROTECTED",
  };

  async function disguise(tenant: string | null, maintenance: string): Promise<Session> {
    const session = await openSession(db.app, tenant);
    await session.query("select set_config('postkit.maintenance', $1, false)", [maintenance]);
    return session;
  }

  it.each(disguises)("cannot write a global rule %s", async (_, tenant, maintenance) => {
    await using app = await disguise(tenant, maintenance);
    expect(await refusalOf(app.query(insertGlobal))).toMatchObject({ sqlstate: "42501" });
    const { code, sqlstate } = await refusalOf(
      app.call("add_hierarchy", { ...rule, p_namespace: "global" }),
    );
    expect([code, sqlstate]).toEqual([refusals[tenant ?? "none"], "42501"]);
    const update = app.query(
      "update authz.permission_hierarchy set implies = 'x' where namespace = 'global'",
    );
    expect(await refusalOf(update)).toMatchObject({ sqlstate: "42501" });
    expect((await app.query(deleteGlobal)).rowCount).toBe(0);
    expect(await countRows(db.super)).toEqual(before);
  });

  it("cannot remove a global rule through the functions", async () => {
    await using app = await disguise("global", "on");
    expect(await app.call("remove_hierarchy", { ...rule, p_resource_type: "page" })).toBe(false);
    expect(await app.call("clear_hierarchy", { p_resource_type: "page" })).toBe(0);
  });

  it.each(tables)("gains nothing in %s from postkit.maintenance", async (table) => {
    await using app = await disguise(null, "on");
    const { rows } = await app.query(`select from authz.${table} where namespace <> 'global'`);
    expect(rows).toEqual([]);
  });

  it("writes nothing by means of postkit.maintenance", async () => {
    await using app = await disguise(null, "on");
    expect(await refusalOf(app.grant({ ...grant, namespace: "globex" }))).toMatchObject({
      code: "BIZ_TENANT_NOT_SET",
    });
    const insert = app.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       values ('globex', 'doc', 'new', 'read', 'user', 'alice')`,
    );
    expect(await refusalOf(insert)).toMatchObject({ sqlstate: "42501" });
    expect((await app.query("delete from authz.tuples")).rowCount).toBe(0);
  });

  it("gets an error, not rows, when it asks to do without row level security", async () => {
    await using app = await openSession(db.app, "acme");
    await app.query("set row_security = off");
    for (const table of tables) {
      expect(await refusalOf(app.query(`select from authz.${table}`))).toMatchObject({
        sqlstate: "42501",
      });
    }
  });

  it("cannot look at rows with a function of its own in the condition", async () => {
    await using app = await openSession(db.app, "acme");
    await app.query(
      `create function pg_temp.leak(p_text text) returns boolean language plpgsql cost 0.0001
       as $$ begin raise warning 'saw %', p_text; return true; end $$`,
    );
    await app.query("select from authz.tuples where pg_temp.leak(subject_id)");
    await app.query("select from authz.audit_events where pg_temp.leak(subject_id)");
    const seen = app.takeWarnings();
    expect(seen).toContain("saw of-acme");
    expect(seen).not.toContain("saw of-globex");
  });

  it("cannot look at values in the planner's statistics", async () => {
    await using root = await openSession(db.super);
    await root.query("analyze authz.tuples");
    await using app = await openSession(db.app, "acme");
    const { rows } = await app.query("select from pg_stats where schemaname = 'authz'");
    expect(rows).toEqual([]);
  });

  it("cannot become the owner, switch off the policies or change what belongs to him", async () => {
    await using app = await openSession(db.app, "acme");
    for (const statement of [
      `set role ${db.ownerRole}`,
      "alter table authz.tuples disable row level security",
      "alter table authz.tuples no force row level security",
      "drop policy tuples_tenant_isolation on authz.tuples",
      "create policy mine on authz.tuples using (true)",
      "alter function authz.check(text, text, text, text, text, text) security definer",
      "create function authz.mine() returns int language sql as 'select 1'",
      "create table authz.mine (id int)",
      "truncate authz.tuples",
      "select authz._grant('postkit_app', 'app')",
      "select postkit.grant_role('postkit_app')",
    ]) {
      expect([statement, (await refusalOf(app.query(statement))).sqlstate]).toEqual([
        statement,
        "42501",
      ]);
    }
  });

  it("is not led astray by temporary tables that are named like those of the schema", async () => {
    await using app = await openSession(db.app, "acme");
    await app.query("create temp table tuples as select * from authz.tuples");
    await app.query(
      "create temp table pg_roles as select current_user as rolname, true as rolsuper, true as rolbypassrls",
    );
    await app.query("update pg_temp.tuples set subject_id = 'mallory', expires_at = null");
    expect(await app.check("user:mallory", "read", "doc:1")).toBe(false);
    await app.useTenant(null);
    expect(await refusalOf(app.grant(grant))).toMatchObject({ code: "BIZ_TENANT_NOT_SET" });
  });

  it("has tenants whose names differ in anything kept apart", async () => {
    await using app = await openSession(db.app, "caf\u00e9");
    await app.query("begin");
    await app.grant(grant);
    for (const other of ["cafe\u0301", "CAF\u00c9", "caf\u00e9\u00a0", "caf_", "caf%"]) {
      await app.useTenant(other);
      expect(await app.check("user:alice", "read", "doc:1")).toBe(false);
    }
    await app.query("rollback");
  });
});

describe("the owner", () => {
  it("is refused a write without a tenant, as the application is", async () => {
    await using owner = await openSession(db.owner);
    expect(await refusalOf(owner.grant(grant))).toMatchObject({
      code: "BIZ_TENANT_NOT_SET",
      sqlstate: "42501",
    });
    expect(await refusalOf(owner.revoke(grant))).toMatchObject({
      code: "BIZ_TENANT_NOT_SET",
      sqlstate: "42501",
    });
  });

  it("cannot write a global rule outside maintenance", async () => {
    await using owner = await openSession(db.owner, "global");
    expect(await refusalOf(owner.call("add_hierarchy", rule))).toMatchObject({
      code: "BIZ_GLOBAL_PROTECTED",
      sqlstate: "42501",
    });
    expect(await owner.call("clear_hierarchy", { p_resource_type: "page" })).toBe(0);
    expect(await countRows(db.super)).toEqual({
      ...before,
      graph_version: expect.any(Number) as number,
    });
  });

  it("writes and removes global rules in maintenance, which is recorded", async () => {
    await using owner = await openSession(db.owner, "global");
    await owner.query("begin");
    await owner.query("set local postkit.maintenance = 'on'");
    await owner.call("add_hierarchy", { ...rule, p_resource_type: "wiki" });
    expect(await owner.call("remove_hierarchy", { ...rule, p_resource_type: "wiki" })).toBe(true);
    const events = await owner.rows<{ event_type: string }>("get_audit_events", {
      p_resource_type: "wiki",
    });
    expect(events.map(({ event_type: type }) => type)).toEqual([
      "hierarchy_deleted",
      "hierarchy_created",
    ]);
    await owner.query("rollback");
  });

  it.each(tables)("sees all tenants in %s in maintenance", async (table) => {
    await using owner = await openSession(db.owner);
    await owner.query("set postkit.maintenance = 'on'");
    const { rows } = await owner.query<{ namespace: string }>(
      `select distinct namespace from authz.${table} where namespace <> 'global' order by 1`,
    );
    expect(rows.map(({ namespace }) => namespace)).toEqual(["acme", "globex"]);
  });
});

describe("a superuser", () => {
  it("writes to any namespace, with or without a tenant, and each write is recorded", async () => {
    await using root = await openSession(db.super);
    await root.query("begin");
    await root.grant({ ...grant, resource: "doc:2", namespace: "globex" });
    await root.useTenant("acme");
    await root.grant({ ...grant, resource: "doc:3", namespace: "globex" });
    const { rows } = await root.query(
      "select namespace, resource_id from authz.audit_events where resource_id in ('2', '3') order by 2",
    );
    expect(rows).toEqual([
      { namespace: "globex", resource_id: "2" },
      { namespace: "globex", resource_id: "3" },
    ]);
    await root.query("rollback");
  });

  it("is shown by the functions one namespace only, though he sees all", async () => {
    await using root = await openSession(db.super, "acme");
    expect(await root.check("user:of-globex", "read", "doc:secret")).toBe(false);
    const events = await root.rows<{ subject_id: string }>("get_audit_events");
    expect(events.map(({ subject_id: id }) => id)).not.toContain("of-globex");
    expect(await root.call("clear_hierarchy", { p_resource_type: "page" })).toBe(0);
  });
});
