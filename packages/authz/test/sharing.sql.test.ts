import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import {
  countRows,
  openSession,
  refusalOf,
  type Grant,
  type NamedArguments,
  type Session,
} from "./support/session.ts";

interface SharedRow {
  namespace: string;
  resource_id: string;
  relation: string;
  created_at: Date;
  expires_at: Date | null;
  cursor: string;
}

const unset = "no tenant is set: nothing is visible";
const mismatch = "namespace is not the tenant of this transaction: nothing of it is visible";

let db: TestDatabase;

/** What three tenants grant to alice of tenant home, each in a transaction of its own, the newest last. */
const grants: readonly Grant[] = [
  { namespace: "home", resource: "doc:own", relation: "read", subject: "user:alice" },
  { namespace: "acme", resource: "doc:1", relation: "read", subject: "user:alice" },
  { namespace: "globex", resource: "doc:1", relation: "write", subject: "user:alice" },
  { namespace: "globex", resource: "doc:2", relation: "read", subject: "user:alice" },
  { namespace: "globex", resource: "page:1", relation: "admin", subject: "user:alice" },
  {
    namespace: "zeta",
    resource: "doc:3",
    relation: "read",
    subject: "user:alice",
    expiresAt: "2999-01-01T00:00:00Z",
  },
];

/** What of them alice can only see, or leave, if something is wrong. */
const others: readonly Grant[] = [
  { namespace: "globex", resource: "doc:bob", relation: "read", subject: "user:bob" },
  { namespace: "globex", resource: "doc:robot", relation: "read", subject: "robot:alice" },
  { namespace: "globex", resource: "doc:team", relation: "read", subject: "team:eng#member" },
  { namespace: "globex", resource: "team:eng", relation: "member", subject: "user:alice" },
  { namespace: "globex", resource: "doc:staff", relation: "read", subject: "user:alice#manager" },
  { namespace: "globex", resource: "folder:f", relation: "read", subject: "user:alice" },
  { namespace: "globex", resource: "doc:inside", relation: "parent", subject: "folder:f" },
  { namespace: "globex", resource: "doc:child", relation: "parent", subject: "user:alice" },
];

const alice = { p_subject_type: "user", p_subject_id: "alice" };
const question = { ...alice, p_resource_type: "doc", p_permission: "read" };

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
  for (const grant of [...others, ...grants]) {
    await using app = await openSession(db.app, grant.namespace ?? null);
    await app.grant(grant);
  }
  await using globex = await openSession(db.app, "globex");
  const rule = { p_resource_type: "doc", p_permission: "write", p_implies: "read" };
  await globex.call("add_hierarchy", rule);
  await using owner = await openSession(db.owner, "global");
  await owner.query("set postkit.maintenance = 'on'");
  await owner.call("add_hierarchy", { ...rule, p_resource_type: "page", p_permission: "admin" });
  await using root = await openSession(db.super);
  await root.query(
    `insert into authz.tuples
       (namespace, resource_type, resource_id, relation, subject_type, subject_id, expires_at)
     values ('globex', 'doc', 'ended', 'read', 'user', 'alice', '2000-01-01')`,
  );
});

afterAll(() => db.drop());

async function openViewer(
  pool: TestDatabase["app"],
  viewer: string | null,
  tenant: string | null = "home",
): Promise<Session> {
  const session = await openSession(pool, tenant);
  await session.useViewer(viewer);
  return session;
}

const list = (session: Session, args: NamedArguments = {}) =>
  session.rows<SharedRow>("list_external_resources", { ...question, ...args });

const told = (rows: readonly SharedRow[]) =>
  rows.map(({ namespace, resource_id: id, relation }) => `${namespace} ${id} ${relation}`);

function leaving({ resource, relation, subject, namespace }: Grant): NamedArguments {
  const [resourceType, resourceId] = resource.split(":");
  const [subjectType, subjectId] = subject.split(/[:#]/);
  return {
    p_resource_type: resourceType,
    p_resource_id: resourceId,
    p_relation: relation,
    p_subject_type: subjectType,
    p_subject_id: subjectId,
    p_owner_namespace: namespace,
  };
}

const leave = (session: Session, grant: Grant, args: NamedArguments = {}) =>
  session.call<boolean>("leave_external_resource", { ...leaving(grant), ...args });

const bound = [
  ["the application role", () => db.app],
  ["an owner without bypass", () => db.owner],
  ["a superuser", () => db.super],
] as const;

describe.each(bound)("list_external_resources, asked by %s,", (_, pool) => {
  it("gives the viewer's own grants in every other namespace, the newest first", async () => {
    await using session = await openViewer(pool(), "user:alice");
    expect(await list(session)).toEqual([
      {
        namespace: "zeta",
        resource_id: "3",
        relation: "read",
        created_at: expect.any(Date),
        expires_at: new Date("2999-01-01T00:00:00Z"),
        cursor: expect.any(String),
      },
      {
        namespace: "globex",
        resource_id: "2",
        relation: "read",
        created_at: expect.any(Date),
        expires_at: null,
        cursor: expect.any(String),
      },
      expect.objectContaining({ namespace: "acme", resource_id: "1", relation: "read" }),
    ]);
    expect(session.takeWarnings()).toEqual([]);
  });

  it("leaves out the namespace it is asked in, whichever that is", async () => {
    await using session = await openViewer(pool(), "user:alice", "globex");
    expect(told(await list(session))).toEqual(["zeta 3 read", "acme 1 read", "home own read"]);
  });

  it("follows rules of namespace global and no tenant's", async () => {
    await using session = await openViewer(pool(), "user:alice");
    const globalRule = await list(session, { p_resource_type: "page", p_permission: "read" });
    const tenantRule = await list(session, { p_permission: "write" });
    expect([told(globalRule), told(tenantRule)]).toEqual([["globex 1 admin"], ["globex 1 write"]]);
  });

  it("does not take a containment for a permission", async () => {
    await using session = await openViewer(pool(), "user:alice");
    expect(await list(session, { p_permission: "parent" })).toEqual([]);
  });

  it("gives nothing for what cannot be", async () => {
    await using session = await openViewer(pool(), "user:alice");
    for (const odd of ["", " ", "Doc", "%", null]) {
      expect(await list(session, { p_resource_type: odd })).toEqual([]);
      expect(await list(session, { p_permission: odd })).toEqual([]);
    }
  });

  it("gives nothing without a tenant or for another, and warns", async () => {
    await using session = await openViewer(pool(), "user:alice", null);
    const withoutTenant = await list(session);
    await session.useTenant("home");
    const elsewhere = await list(session, { p_namespace: "acme" });
    expect([withoutTenant, elsewhere]).toEqual([[], []]);
    // The function runs as the owner, who is no superuser: whom it answers is warned, whoever he is.
    expect(session.takeWarnings()).toEqual([unset, mismatch]);
  });

  it("gives another subject nothing but a refusal, whatever else is set", async () => {
    await using session = await openViewer(pool(), "user:bob");
    expect(await refusalOf(list(session))).toMatchObject({ code: "BIZ_VIEWER_MISMATCH" });
    expect(told(await list(session, { p_subject_id: "bob" }))).toEqual(["globex bob read"]);
    await session.useViewer(null);
    expect(await refusalOf(list(session))).toMatchObject({ code: "BIZ_VIEWER_NOT_SET" });
    for (const half of [
      ["user", ""],
      ["", "alice"],
    ]) {
      await session.query(
        "select set_config('postkit.viewer_type', $1, false), set_config('postkit.viewer_id', $2, false)",
        half,
      );
      expect(await refusalOf(list(session))).toMatchObject({ code: "BIZ_VIEWER_NOT_SET" });
    }
  });

  it("leaves maintenance as it found it", async () => {
    await using session = await openViewer(pool(), "user:alice");
    for (const before of ["", "off", "on"]) {
      await session.query("select set_config('postkit.maintenance', $1, false)", [before]);
      await list(session);
      await session.query("begin");
      await list(session);
      await refusalOf(list(session, { p_subject_id: "bob" }));
      await session.query("rollback");
      const { rows } = await session.query(
        "select current_setting('postkit.maintenance') as maintenance",
      );
      expect(rows).toEqual([{ maintenance: before }]);
    }
  });
});

describe("pages of external resources", () => {
  it("follow each other without gap or repeat, also within one transaction's grants", async () => {
    await using app = await openSession(db.app, "paged-1");
    for (const [tenant, ids] of [
      ["paged-1", [1, 2, 3]],
      ["paged-2", [4, 5]],
      ["paged-1", [6]],
    ] as const) {
      await app.useTenant(tenant);
      await app.query("begin");
      for (const id of ids)
        await app.grant({ resource: `doc:${id}`, relation: "read", subject: "user:reader" });
      await app.query("commit");
    }
    await app.useTenant("home");
    await app.useViewer("user:reader");
    for (const size of [1, 2, 4, 6, 7]) {
      const seen: string[] = [];
      let cursor: string | null = null;
      for (;;) {
        const page: SharedRow[] = await list(app, {
          p_subject_id: "reader",
          p_limit: size,
          p_cursor: cursor,
        });
        seen.push(...page.map((row) => row.resource_id));
        cursor = page.at(-1)?.cursor ?? null;
        if (page.length < size) break;
      }
      expect(seen).toEqual(["6", "5", "4", "3", "2", "1"]);
    }
  });
});

describe("ids of external resources", () => {
  const composed = "caf\u00e9";
  const decomposed = "cafe\u0301";

  it("come as they were sent, to a viewer in any spelling", async () => {
    await using app = await openSession(db.app, "globex");
    await app.grant({
      resource: `doc:${decomposed}`,
      relation: "read",
      subject: `user:${decomposed}`,
    });
    await app.useTenant("home");
    for (const [viewer, subject] of [
      [composed, decomposed],
      [decomposed, composed],
    ] as const) {
      await app.useViewer(`user:${viewer}`);
      const rows = await list(app, { p_subject_id: subject });
      expect(told(rows)).toEqual([`globex ${decomposed} read`]);
    }
    const left = leave(app, {
      namespace: "globex",
      resource: `doc:${composed}`,
      relation: "read",
      subject: `user:${composed}`,
    });
    expect(await left).toBe(true);
  });

  it("tell tenants apart that only look alike", async () => {
    await using app = await openSession(db.app, "home");
    for (const tenant of ["Home", composed, decomposed]) {
      await app.useTenant(tenant);
      await app.grant({ resource: "doc:1", relation: "read", subject: "user:lookalike" });
    }
    await app.useTenant(composed);
    await app.useViewer("user:lookalike");
    expect(told(await list(app, { p_subject_id: "lookalike" }))).toEqual([
      `${decomposed} 1 read`,
      "Home 1 read",
    ]);
  });
});

describe("the viewer", () => {
  it("widens nothing else: no table, no check, no list, no delete", async () => {
    await using app = await openViewer(db.app, "user:alice");
    const foreign = { p_namespace: "globex" };
    const about = { ...question, p_resource_id: "2" };
    const { rows } = await app.query<{ namespace: string }>(
      "select distinct namespace from authz.tuples",
    );
    expect(rows).toEqual([{ namespace: "home" }]);
    expect(await app.check("user:alice", "read", "doc:2")).toBe(false);
    const { p_permission: _, ...resource } = about;
    expect([
      await app.call("check", { ...about, ...foreign }),
      await app.call("check_any", { ...resource, p_permissions: ["read"], ...foreign }),
      await app.call("check_all", { ...resource, p_permissions: ["read"], ...foreign }),
      await app.rows("list_subject_grants", { ...alice, ...foreign }),
      await app.rows("list_resources", { ...question, ...foreign }),
      await app.call("filter_authorized", { ...question, p_resource_ids: ["2"], ...foreign }),
      await app.revoke({
        namespace: "globex",
        resource: "doc:2",
        relation: "read",
        subject: "user:alice",
      }),
    ]).toEqual([false, false, false, [], [], [], false]);
    const direct = await app.query("delete from authz.tuples where namespace <> 'home'");
    expect(direct.rowCount).toBe(0);
    await app.useTenant(null);
    expect((await app.query("select from authz.tuples")).rows).toEqual([]);
  });

  it("lasts until the transaction ends, and no longer", async () => {
    await using app = await openSession(db.app, "home");
    for (const end of ["commit", "rollback"]) {
      await app.query("begin");
      await app.call("set_viewer", { p_viewer_type: "user", p_viewer_id: "alice" });
      expect(await list(app)).toHaveLength(3);
      await app.query(end);
      expect(await refusalOf(list(app))).toMatchObject({ code: "BIZ_VIEWER_NOT_SET" });
    }
  });

  it("is gone by the next statement outside a transaction, and goes back with a savepoint", async () => {
    await using app = await openSession(db.app, "home");
    const set = (id: string) => app.call("set_viewer", { p_viewer_type: "user", p_viewer_id: id });
    await set("alice");
    expect(await refusalOf(list(app))).toMatchObject({ code: "BIZ_VIEWER_NOT_SET" });
    await app.query("begin");
    await set("alice");
    await app.query("savepoint s");
    await set("bob");
    await app.query("rollback to s");
    expect(await list(app)).toHaveLength(3);
  });

  it("is cleared by clear_viewer", async () => {
    await using app = await openSession(db.app, "home");
    await app.query("begin");
    await app.call("set_viewer", { p_viewer_type: "user", p_viewer_id: "alice" });
    await app.call("clear_viewer");
    expect(await refusalOf(list(app))).toMatchObject({ code: "BIZ_VIEWER_NOT_SET" });
  });

  it.each(["O'Hara \\ S\u00f6hne", "$1; drop schema authz", "oidc|a#b:c"])(
    "may be called %j",
    async (id) => {
      await using app = await openSession(db.app, "acme");
      await app.query("begin");
      await app.call("write", {
        p_resource_type: "doc",
        p_resource_id: "odd",
        p_relation: "read",
        p_subject_type: "user",
        p_subject_id: id,
      });
      await app.call("set_tenant", { p_tenant_id: "home" });
      await app.call("set_viewer", { p_viewer_type: "user", p_viewer_id: id });
      expect(told(await list(app, { p_subject_id: id }))).toEqual(["acme odd read"]);
      await app.query("rollback");
    },
  );
});

describe.each(bound)("leave_external_resource, called by %s,", (_, pool) => {
  const share: Grant = {
    namespace: "globex",
    resource: "doc:shared",
    relation: "read",
    subject: "user:alice",
  };

  beforeEach(async () => {
    await using globex = await openSession(db.app, "globex");
    await globex.grant(share);
    return async () => {
      await using again = await openSession(db.app, "globex");
      await again.revoke(share);
    };
  });

  it("takes the grant back once, and writes it to the owner's audit with the actor", async () => {
    await using session = await openViewer(pool(), "user:alice");
    await session.query("begin");
    await session.call("set_actor", { p_actor_id: "user:alice", p_reason: "no longer needed" });
    expect(await leave(session, share)).toBe(true);
    expect(await leave(session, share)).toBe(false);
    await session.query("commit");
    expect(told(await list(session))).not.toContain("globex shared read");
    await using globex = await openSession(db.app, "globex");
    expect(await globex.check("user:alice", "read", "doc:shared")).toBe(false);
    const [event] = await globex.rows("get_audit_events", { p_limit: 1 });
    expect(event).toMatchObject({
      event_type: "tuple_deleted",
      actor_id: "user:alice",
      reason: "no longer needed",
      resource_id: "shared",
      subject_id: "alice",
    });
    await using home = await openSession(db.app, "home");
    const atHome = await home.rows("get_audit_events", { p_resource_id: "shared" });
    expect(atHome).toEqual([]);
  });

  it("is undone with its transaction", async () => {
    await using session = await openViewer(pool(), "user:alice");
    await session.query("begin");
    expect(await leave(session, share)).toBe(true);
    await session.query("rollback");
    expect(told(await list(session))).toContain("globex shared read");
  });

  it("leaves the tenant as it was, after a refusal as well", async () => {
    await using session = await openViewer(pool(), "user:alice");
    const tenant = async () => {
      const { rows } = await session.query("select current_setting('postkit.tenant_id') as tenant");
      return rows;
    };
    await leave(session, share);
    expect(await tenant()).toEqual([{ tenant: "home" }]);
    await session.query("begin");
    await leave(session, share);
    expect(await tenant()).toEqual([{ tenant: "home" }]);
    await session.query("savepoint s");
    await session.query("set local postkit.actor_id = 'x'");
    await refusalOf(leave(session, share, { p_relation: "Not!" }));
    await session.query("rollback to s");
    expect(await tenant()).toEqual([{ tenant: "home" }]);
    await session.query("rollback");
  });

  it("takes nothing at home, nothing of others and nothing that is not exactly so", async () => {
    const before = await countRows(db.super);
    await using session = await openViewer(pool(), "user:alice");
    const here = { namespace: "home", resource: "doc:own", relation: "read" };
    const nothing = [
      await leave(session, { ...here, subject: "user:alice" }),
      await leave(session, { ...share, namespace: "acme" }),
      await leave(session, { ...share, namespace: "nowhere" }),
      await leave(session, { ...share, relation: "write" }),
      await leave(session, { ...share, resource: "doc:bob" }),
      await leave(session, { ...share, resource: "doc:staff" }),
      await leave(session, { ...share, resource: "doc:team" }),
      // A superuser deletes in any namespace, whichever is his tenant.
      pool() !== db.super && (await leave(session, share, { p_namespace: "acme" })),
    ];
    expect(nothing).toEqual(nothing.map(() => false));
    for (const subject of ["user:bob", "robot:alice", "team:eng"]) {
      const work = leave(session, { ...share, subject });
      expect(await refusalOf(work)).toMatchObject({ code: "BIZ_VIEWER_MISMATCH" });
    }
    expect(await countRows(db.super)).toEqual(before);
  });

  it("cannot be told from its answer whether somebody else has a grant", async () => {
    await using session = await openViewer(pool(), "user:alice");
    const there = refusalOf(leave(session, { ...share, resource: "doc:bob", subject: "user:bob" }));
    const missing = refusalOf(leave(session, { ...share, resource: "doc:x", subject: "user:bob" }));
    expect(await there).toEqual(await missing);
    expect((await there).message).toBe("subject is not the viewer of this transaction");
  });

  it("takes back a grant that has ended, which its owner could otherwise revive", async () => {
    await using session = await openViewer(pool(), "user:alice");
    await session.query("begin");
    expect(await leave(session, { ...share, resource: "doc:ended" })).toBe(true);
    await session.query("rollback");
  });

  it("takes back a membership or a containment only of the very subject", async () => {
    await using session = await openViewer(pool(), "user:alice");
    await session.query("begin");
    const member = { ...share, resource: "team:eng", relation: "member" };
    const inside = { ...share, resource: "doc:inside", relation: "parent", subject: "folder:f" };
    const child = { ...share, resource: "doc:child", relation: "parent" };
    expect(await refusalOf(leave(session, inside))).toMatchObject({ code: "BIZ_VIEWER_MISMATCH" });
    await session.query("rollback");
    await session.query("begin");
    expect([await leave(session, member), await leave(session, child)]).toEqual([true, true]);
    await session.query("rollback");
    await session.useViewer("folder:f");
    await session.query("begin");
    expect(await leave(session, inside)).toBe(true);
    await session.query("rollback");
  });
});

describe("the application role", () => {
  it("cannot look through the list's rows with a function of its own", async () => {
    await using app = await openViewer(db.app, "user:alice");
    await app.query(
      `create function pg_temp.leak(p_text text) returns boolean language plpgsql cost 0.0001
       as $$ begin raise warning 'saw %', p_text; return true; end $$`,
    );
    await app.query(
      `select from authz.list_external_resources('user', 'alice', 'doc', 'read') r
       where pg_temp.leak(r.resource_id)`,
    );
    expect(app.takeWarnings().sort()).toEqual(["saw 1", "saw 2", "saw 3"]);
  });

  it("is not helped by temporary tables and functions that are named like those of the schema", async () => {
    await using app = await openViewer(db.app, "user:bob");
    await app.query(`
      create temp table tuples (like authz.tuples);
      create function pg_temp._assert_viewer(text, text) returns void language sql as 'select';
      create function pg_temp.normalize(text, text) returns text language sql as $$ select 'alice' $$;
    `);
    await app.query("set search_path = pg_temp, pg_catalog");
    expect(await refusalOf(list(app))).toMatchObject({ code: "BIZ_VIEWER_MISMATCH" });
    expect(told(await list(app, { p_subject_id: "bob" }))).toEqual(["globex bob read"]);
  });

  it("gets an error, not rows, when it asks to do without row level security", async () => {
    await using app = await openViewer(db.app, "user:alice");
    await app.query("set row_security = off");
    expect(await refusalOf(list(app))).toMatchObject({ sqlstate: "42501" });
  });
});
