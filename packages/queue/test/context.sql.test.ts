import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openSession, refusalOf, type Session } from "./support/session.ts";

let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
});

afterAll(() => db.drop());

const settings = `
  select current_setting('postkit.tenant_id', true) as tenant,
    current_setting('postkit.actor_id', true) as actor,
    current_setting('postkit.request_id', true) as request,
    current_setting('postkit.on_behalf_of', true) as principal,
    current_setting('postkit.reason', true) as reason`;

async function tenantOf(session: Session): Promise<string | null> {
  const { rows } = await session.query<{ tenant: string | null }>(settings);
  return rows[0]?.tenant || null;
}

describe("set_tenant", () => {
  it("lasts until the transaction ends, on commit as on rollback", async () => {
    await using app = await openSession(db.app);
    for (const end of ["commit", "rollback"]) {
      await app.query("begin");
      await app.call("set_tenant", { p_tenant_id: "acme" });
      const id = await app.push("q", { p_namespace: "acme" });
      const inside = await tenantOf(app);
      await app.query(end);
      expect([id, inside, await tenantOf(app)]).toEqual([expect.any(String), "acme", null]);
    }
  });

  it("is gone by the next statement outside a transaction", async () => {
    await using app = await openSession(db.app);
    await app.call("set_tenant", { p_tenant_id: "acme" });
    expect(await refusalOf(app.push("q", { p_namespace: "acme" }))).toMatchObject({
      code: "BIZ_TENANT_NOT_SET",
    });
  });

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
    await app.push("q");
    await app.call("clear_tenant");
    expect(await app.rows("list_jobs", { p_namespace: "acme" })).toEqual([]);
    expect(app.takeWarnings()).toEqual(["no tenant is set: nothing is visible"]);
    expect(await refusalOf(app.push("q"))).toMatchObject({ code: "BIZ_TENANT_NOT_SET" });
  });
});

describe("set_actor and clear_actor", () => {
  it("set all four settings until the transaction ends, in the order of the contract", async () => {
    await using app = await openSession(db.app);
    await app.query("begin");
    await app.query("select queue.set_actor('user:admin', 'r-1', 'user:boss', 'ticket 42')");
    expect((await app.query(settings)).rows).toMatchObject([
      { actor: "user:admin", request: "r-1", principal: "user:boss", reason: "ticket 42" },
    ]);
    await app.query("commit");
    expect((await app.query(settings)).rows).toMatchObject([
      { actor: "", request: "", principal: "", reason: "" },
    ]);
  });

  it("overwrite all four, with nothing where nothing is said", async () => {
    await using app = await openSession(db.app);
    await app.query("begin");
    await app.query("select queue.set_actor('user:admin', 'r-1', 'user:boss', 'ticket 42')");
    await app.call("set_actor", { p_actor_id: "user:other" });
    expect((await app.query(settings)).rows).toMatchObject([
      { actor: "user:other", request: "", principal: "", reason: "" },
    ]);
    await app.call("clear_actor");
    expect((await app.query(settings)).rows).toMatchObject([{ actor: "" }]);
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
    await root.query("create role queue_bypassing bypassrls");
    await root.query("grant usage on schema queue to queue_bypassing");
    await root.query("grant execute on all functions in schema queue to queue_bypassing");
    await root.query("set local role queue_bypassing");
    expect(await refusalOf(root.call("assert_rls_active"))).toMatchObject({
      code: "BIZ_RLS_NOT_ACTIVE",
      message: expect.stringContaining("queue_bypassing"),
    });
    await root.query("rollback");
  });
});
