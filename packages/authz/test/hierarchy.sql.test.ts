import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { openSession, refusalOf, type Session } from "./support/session.ts";

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

const rule = { p_resource_type: "doc", p_permission: "admin", p_implies: "write" };

async function stored(): Promise<string[]> {
  const { rows } = await app.query<{ rule: string }>(
    `select format('%s %s>%s', resource_type, permission, implies) as rule from authz.permission_hierarchy where namespace <> 'global' order by id`,
  );
  return rows.map((row) => row.rule);
}

describe("add_hierarchy", () => {
  it("gives the id of the rule, and the same again on a repeat", async () => {
    const id = await app.call("add_hierarchy", rule);
    expect(id).toMatch(/^[1-9][0-9]*$/);
    expect(await app.call("add_hierarchy", rule)).toBe(id);
    expect(await stored()).toEqual(["doc admin>write"]);
    expect(await app.rows("get_audit_events")).toHaveLength(1);
  });

  it("takes its arguments by position, as the contract has them", async () => {
    await app.query("select authz.add_hierarchy('doc', 'admin', 'write', $1)", [`tenant ${tests}`]);
    expect(await stored()).toEqual(["doc admin>write"]);
  });

  it("takes a permission that implies several and is implied by several", async () => {
    for (const [permission, implies] of [
      ["owner", "write"],
      ["owner", "share"],
      ["admin", "write"],
      ["write", "read"],
    ]) {
      await app.call("add_hierarchy", {
        p_resource_type: "doc",
        p_permission: permission,
        p_implies: implies,
      });
    }
    expect(await stored()).toHaveLength(4);
  });

  it("sees a loop of any length", async () => {
    await app.query(
      "select authz.add_hierarchy('doc', 'p' || i, 'p' || i + 1) from generate_series(1, 120) i",
    );
    const back = { p_resource_type: "doc", p_permission: "p121", p_implies: "p1" };
    expect(await refusalOf(app.call("add_hierarchy", back))).toMatchObject({
      code: "BIZ_CYCLE_HIERARCHY",
    });
  });

  it("lets one type of resource turn the rules of another around", async () => {
    await app.call("add_hierarchy", rule);
    await app.call("add_hierarchy", {
      p_resource_type: "file",
      p_permission: "write",
      p_implies: "admin",
    });
    expect(await stored()).toEqual(["doc admin>write", "file write>admin"]);
  });

  it("sees a loop that goes through a global rule", async () => {
    await using owner = await openSession(db.owner, "global");
    await owner.query("set postkit.maintenance = 'on'");
    await owner.call("add_hierarchy", {
      p_resource_type: "page",
      p_permission: "edit",
      p_implies: "view",
    });
    const back = { p_resource_type: "page", p_permission: "view", p_implies: "edit" };
    expect(await refusalOf(app.call("add_hierarchy", back))).toMatchObject({
      code: "BIZ_CYCLE_HIERARCHY",
    });
  });
});

describe("set_hierarchy", () => {
  const set = (permissions: readonly string[] | null) =>
    app.call<number>("set_hierarchy", { p_resource_type: "doc", p_permissions: permissions });

  it("makes each permission imply the next, and tells how many rules are new", async () => {
    expect(await set(["owner", "admin", "write", "read"])).toBe(3);
    expect(await set(["owner", "admin", "write", "read"])).toBe(0);
    expect(await stored()).toEqual(["doc owner>admin", "doc admin>write", "doc write>read"]);
    expect(await app.rows("get_audit_events")).toHaveLength(3);
  });

  it("takes nothing back", async () => {
    await app.call("add_hierarchy", { ...rule, p_implies: "share" });
    expect(await set(["admin", "write", "read"])).toBe(2);
    expect(await set(["admin", "read"])).toBe(1);
    expect(await stored()).toHaveLength(4);
  });

  it("makes no rule of fewer than two", async () => {
    for (const permissions of [null, [], ["admin"]]) expect(await set(permissions)).toBe(0);
    expect(await stored()).toEqual([]);
  });

  it("makes all rules or none, outside a transaction as well", async () => {
    await app.call("add_hierarchy", { ...rule, p_permission: "read", p_implies: "admin" });
    expect(await refusalOf(set(["owner", "admin", "write", "read"]))).toMatchObject({
      code: "BIZ_CYCLE_HIERARCHY",
    });
    expect(await stored()).toEqual(["doc read>admin"]);
  });

  it("takes its arguments by position", async () => {
    await app.query("select authz.set_hierarchy('doc', array['admin', 'write'], $1)", [
      `tenant ${tests}`,
    ]);
    expect(await stored()).toEqual(["doc admin>write"]);
  });
});

describe("remove_hierarchy", () => {
  it("tells whether there was such a rule", async () => {
    await app.call("add_hierarchy", rule);
    expect(await app.call("remove_hierarchy", { ...rule, p_implies: "read" })).toBe(false);
    expect(await app.call("remove_hierarchy", rule)).toBe(true);
    expect(await app.call("remove_hierarchy", rule)).toBe(false);
    expect(await stored()).toEqual([]);
  });

  it("opens the way for the opposite rule", async () => {
    await app.call("add_hierarchy", rule);
    await app.call("remove_hierarchy", rule);
    await app.call("add_hierarchy", {
      p_resource_type: "doc",
      p_permission: "write",
      p_implies: "admin",
    });
    expect(await stored()).toEqual(["doc write>admin"]);
  });
});

describe("clear_hierarchy", () => {
  it("takes the rules of one type and tells how many there were", async () => {
    await app.call("add_hierarchy", rule);
    await app.call("add_hierarchy", { ...rule, p_implies: "read" });
    await app.call("add_hierarchy", { ...rule, p_resource_type: "file" });
    expect(await app.call("clear_hierarchy", { p_resource_type: "doc" })).toBe(2);
    expect(await app.call("clear_hierarchy", { p_resource_type: "doc" })).toBe(0);
    expect(await stored()).toEqual(["file admin>write"]);
  });
});
