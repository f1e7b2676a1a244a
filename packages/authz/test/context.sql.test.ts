import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openSession, refusalOf, type Session } from "./support/session.ts";

let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

async function tenantOf(session: Session): Promise<string | null> {
  const { rows } = await session.query<{ tenant: string | null }>(settings);
  return rows[0]?.tenant || null;
}

const settings = `
  select current_setting('postkit.tenant_id', true) as tenant,
    current_setting('postkit.actor_id', true) as actor,
    current_setting('postkit.request_id', true) as request,
    current_setting('postkit.reason', true) as reason,
    current_setting('postkit.on_behalf_of', true) as principal`;

describe("set_tenant", () => {
  it("lasts until the transaction ends, on commit as on rollback", async () => {
    await using app = await openSession(db.app);
    for (const end of ["commit", "rollback"]) {
      await app.query("begin");
      await app.call("set_tenant", { p_tenant_id: "acme" });
      const inside = await tenantOf(app);
      await app.query(end);
      expect([inside, await tenantOf(app)]).toEqual(["acme", null]);
    }
  });

  it("is gone by the next statement outside a transaction", async () => {
    await using app = await openSession(db.app);
    await app.call("set_tenant", { p_tenant_id: "acme" });
    const work = app.grant({ resource: "doc:1", relation: "read", subject: "user:alice" });
    expect(await refusalOf(work)).toMatchObject({ code: "BIZ_TENANT_NOT_SET" });
  });

  it("goes back with a savepoint", async () => {
    await using app = await openSession(db.app);
    await app.query("begin");
    await app.call("set_tenant", { p_tenant_id: "acme" });
    await app.query("savepoint s");
    await app.call("set_tenant", { p_tenant_id: "globex" });
    await app.query("rollback to s");
    expect(await tenantOf(app)).toBe("acme");
  });

  it.each(["acme", "O'Hara \\ Söhne", "a\u00a0b", "$1; drop schema authz", "𝒳".repeat(1024)])(
    "takes %j as it is",
    async (tenant) => {
      await using app = await openSession(db.app);
      await app.query("begin");
      await app.call("set_tenant", { p_tenant_id: tenant });
      expect(await tenantOf(app)).toBe(tenant);
    },
  );

  it("leaves the tenant as it was when it refuses another", async () => {
    await using app = await openSession(db.app, "acme");
    expect(await refusalOf(app.call("set_tenant", { p_tenant_id: " " }))).toMatchObject({
      code: "VAL_NAMESPACE_EMPTY",
    });
    expect(await tenantOf(app)).toBe("acme");
  });
});

describe("clear_tenant", () => {
  it("leaves no tenant: reads find nothing and writes are refused", async () => {
    await using app = await openSession(db.app, "acme");
    await app.query("begin");
    await app.grant({ resource: "doc:1", relation: "read", subject: "user:alice" });
    await app.call("clear_tenant");
    expect(await app.check("user:alice", "read", "doc:1")).toBe(false);
    expect(app.takeWarnings()).toEqual(["no tenant is set: nothing is visible"]);
    const work = app.revoke({ resource: "doc:1", relation: "read", subject: "user:alice" });
    expect(await refusalOf(work)).toMatchObject({ code: "BIZ_TENANT_NOT_SET" });
  });
});

describe("set_actor", () => {
  it("sets all four settings until the transaction ends", async () => {
    await using app = await openSession(db.app);
    await app.query("begin");
    await app.query("select authz.set_actor('user:admin', 'r-1', 'ticket 42', 'user:boss')");
    expect((await app.query(settings)).rows).toMatchObject([
      { actor: "user:admin", request: "r-1", reason: "ticket 42", principal: "user:boss" },
    ]);
    await app.query("commit");
    expect((await app.query(settings)).rows).toMatchObject([
      { actor: "", request: "", reason: "", principal: "" },
    ]);
  });

  it("clears what it is not given, so that two actors never mix", async () => {
    await using app = await openSession(db.app);
    await app.query("begin");
    await app.query("select authz.set_actor('user:admin', 'r-1', 'ticket 42', 'user:boss')");
    await app.query("select authz.set_actor('user:bob')");
    expect((await app.query(settings)).rows).toMatchObject([
      { actor: "user:bob", request: "", reason: "", principal: "" },
    ]);
  });

  it.each(["O'Hara", "back\\slash", "line\nfeed", "'; drop schema authz cascade; --", "π"])(
    "takes %j as it is",
    async (reason) => {
      await using app = await openSession(db.app);
      await app.query("begin");
      await app.call("set_actor", { p_actor_id: null, p_reason: reason });
      expect((await app.query(settings)).rows).toMatchObject([{ actor: "", reason }]);
    },
  );
});

describe("clear_actor", () => {
  it("clears all four settings", async () => {
    await using app = await openSession(db.app);
    await app.query("begin");
    await app.query("select authz.set_actor('user:admin', 'r-1', 'ticket 42', 'user:boss')");
    await app.call("clear_actor");
    expect((await app.query(settings)).rows).toMatchObject([
      { actor: "", request: "", reason: "", principal: "" },
    ]);
  });
});

describe("assert_rls_active", () => {
  it("passes for the application role and for an owner without bypass", async () => {
    for (const pool of [db.app, db.owner]) {
      await using session = await openSession(pool);
      expect(await session.call("assert_rls_active")).toBe("");
    }
  });

  it("refuses a superuser, until he has become another role", async () => {
    await using root = await openSession(db.super);
    expect(await refusalOf(root.call("assert_rls_active"))).toMatchObject({
      code: "BIZ_RLS_NOT_ACTIVE",
      sqlstate: "55000",
    });
    await root.query(`set role ${db.appRole}`);
    expect(await root.call("assert_rls_active")).toBe("");
  });

  it("refuses a role with BYPASSRLS that is no superuser", async () => {
    await using root = await openSession(db.super);
    await root.query("begin");
    await root.query("create role bypassing bypassrls");
    await root.query("grant usage on schema authz to bypassing");
    await root.query("grant execute on all functions in schema authz to bypassing");
    await root.query("set local role bypassing");
    expect(await refusalOf(root.call("assert_rls_active"))).toMatchObject({
      code: "BIZ_RLS_NOT_ACTIVE",
      message: expect.stringContaining("bypassing"),
    });
    await root.query("rollback");
  });
});
