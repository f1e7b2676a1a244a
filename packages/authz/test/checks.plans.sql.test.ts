import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase, withClient } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openExplainedSession, type ExplainedSession, type PlanNode } from "./support/plans.ts";

/** 62,000 tuples in four tenants: users in groups, groups in groups, documents in folders in folders, grants on all. */
const data = `
  insert into authz.tuples
    (namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation)
  select n, rt, ri, r, st, si, sr
  from unnest(array['acme', 'globex', 'initech', 'umbrella']) n,
    lateral (
      select 'team', 't' || i % 200, 'member', 'user', 'u' || i % 997, null from generate_series(1, 3000) i
      union
      select 'team', 't' || i / 3, 'member', 'team', 't' || i, 'member' from generate_series(1, 199) i
      union
      select 'folder', 'f' || i, 'parent', 'folder', 'f' || i / 4, null from generate_series(1, 500) i
      union
      select 'doc', 'd' || i, 'parent', 'folder', 'f' || i % 500, null from generate_series(1, 3000) i
      union
      select 'doc', 'd' || i, 'read', 'user', 'u' || i % 1000, null from generate_series(1, 4800) i
      union
      select 'folder', 'f' || i, 'write', 'team', 't' || i % 200, 'member' from generate_series(1, 500) i
      union
      select 'doc', 'hot', 'read', 'user', 'u' || i, null from generate_series(1, 500) i
      union
      select 'doc', 'd' || i, 'read', 'user', 'busy', null from generate_series(1, 3000) i
    ) t (rt, ri, r, st, si, sr);
  insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
  select n, t, p, i
  from unnest(array['acme', 'globex', 'initech', 'umbrella']) n,
    (select 'doc' union select 'type' || i from generate_series(1, 300) i) k (t),
    (values ('write', 'read'), ('admin', 'write')) r (p, i);
  insert into authz.graph_state (namespace) select 'tenant ' || i from generate_series(1, 1000) i;
  insert into authz.type_edges select 'tenant ' || i, 'doc', 'folder', false from generate_series(1, 1000) i;`;

let db: TestDatabase;
let app: ExplainedSession;

beforeAll(async () => {
  db = await createTestDatabase({
    modules: [authz],
    template: {
      name: "62k tuples",
      prepare: ({ superUrl }) =>
        withClient(superUrl, async (root) => {
          // Their audit is not looked at here.
          await root.query("alter table authz.tuples disable trigger tuples_audit");
          await root.query(data);
          await root.query("alter table authz.tuples enable trigger tuples_audit");
          await root.query(
            "vacuum analyze authz.tuples, authz.permission_hierarchy, authz.graph_state, authz.type_edges",
          );
        }),
    },
  });
  app = await openExplainedSession(db, "acme");
});

afterAll(() => db.drop());

const indexScan = /^(Index Scan|Index Only Scan|Bitmap Index Scan)$/;

/** Looks one grant up by who has it and on what; two indexes can, and statistics of samples choose between them. */
function probes({ "Index Name": index = "", "Index Cond": condition = "" }: PlanNode): boolean {
  return (
    /^tuples_(key|subject)_idx$/.test(index) &&
    /resource_id/.test(condition) &&
    /subject_/.test(condition)
  );
}

/** Runs it and gives the scans it took; the first run may look up what is cached later. */
async function scansOf(work: () => Promise<unknown>) {
  await work();
  app.takeScans();
  await work();
  return app.takeScans();
}

describe("with 62,000 tuples, as the application role, with plans for any value", () => {
  it("the data is what the tests are about", async () => {
    const { rows } = await db.super.query("select count(*)::int as tuples from authz.tuples");
    expect(rows).toEqual([{ tuples: 61_996 }]);
  });

  it("a check of a direct grant is one probe of an index, which reads one row", async () => {
    const scans = await scansOf(() => app.check("user:u1", "read", "doc:d1"));
    expect(scans).toHaveLength(1);
    expect(scans.every(probes)).toBe(true);
    expect(scans[0]?.["Actual Rows"]).toBe(1);
    expect(scans[0]?.["Node Type"]).toMatch(indexScan);
    expect(scans[0]?.["Rows Removed by Filter"] ?? 0).toBe(0);
  });

  it.each([
    ["by a group in a group on a folder above", "user:u1", "write", "folder:f400", true],
    ["by a rule, a group and a folder above", "user:u199", "read", "doc:d2999", true],
    ["that is refused", "user:u999999", "read", "doc:d1", false],
    ["that is refused on a resource with many grants", "user:u900", "read", "doc:hot", false],
    ["of somebody unknown on something unknown", "user:nobody", "fly", "moon:1", false],
  ])("a check %s uses indexes alone", async (_, subject, permission, resource, answer) => {
    expect(await app.check(subject, permission, resource)).toBe(answer);
    const scans = await scansOf(() => app.check(subject, permission, resource));
    const tables = scans.filter((scan) => scan["Relation Name"] !== undefined);
    expect(tables.filter((scan) => scan["Node Type"] === "Seq Scan")).toEqual([]);
    const indexes = new Set(scans.flatMap((scan) => scan["Index Name"] ?? []));
    expect(scans.some(probes)).toBe(true);
    for (const index of indexes)
      expect(index).toMatch(/^(tuples_|permission_hierarchy_|graph_state_)/);
  });

  it("check_any and check_all use indexes alone", async () => {
    for (const name of ["check_any", "check_all"]) {
      const scans = await scansOf(() =>
        app.call(name, {
          p_subject_type: "user",
          p_subject_id: "u7",
          p_permissions: ["read", "write", "admin"],
          p_resource_type: "doc",
          p_resource_id: "d3000",
        }),
      );
      expect(scans.length).toBeGreaterThan(0);
      expect(scans.filter((scan) => scan["Node Type"] === "Seq Scan")).toEqual([]);
    }
  });

  it.each([
    [
      "filter_authorized",
      { p_resource_type: "doc", p_permission: "read", p_resource_ids: ["d1", "d2999"] },
    ],
    ["list_permissions", { p_resource_type: "doc", p_resource_id: "d2999" }],
    ["list_resources", { p_resource_type: "doc", p_permission: "read" }],
    ["list_resources", { p_resource_type: "folder", p_permission: "write", p_cursor: "f2" }],
    ["visible_ids", { p_resource_type: "doc", p_permission: "read" }],
    ["visibility", { p_resource_type: "doc", p_permission: "read" }],
  ])("%s uses indexes alone", async (name, args) => {
    const scans = await scansOf(() =>
      app.call(name, { p_subject_type: "user", p_subject_id: "u7", ...args }),
    );
    expect(scans.map((scan) => scan["Index Name"])).toContain("tuples_subject_idx");
    expect(scans.filter((scan) => scan["Node Type"] === "Seq Scan")).toEqual([]);
  });

  it("check_bulk and is_visible use indexes alone", async () => {
    const question = {
      subject_type: "user",
      subject_id: "u7",
      permission: "read",
      resource_type: "doc",
    };
    const scans = await scansOf(async () => {
      await app.call("check_bulk", {
        p_checks: JSON.stringify(["d1", "d2999"].map((id) => ({ ...question, resource_id: id }))),
      });
      await app.query(
        "select authz.is_visible((select authz.visibility('user', 'u7', 'doc', 'read')), 'd' || i) from generate_series(1, 3) i",
      );
    });
    expect(scans.some(probes)).toBe(true);
    expect(scans.filter((scan) => scan["Node Type"] === "Seq Scan")).toEqual([]);
  });

  it("a check reads a hundred at most of its subject's other grants, and few of those on its resource", async () => {
    const read = async (subject: string, resource: string) => {
      const scans = await scansOf(() => app.check(subject, "fly", resource));
      return scans
        .map((scan) => (scan["Actual Rows"] ?? 0) + (scan["Rows Removed by Filter"] ?? 0))
        .reduce((most, rows) => Math.max(most, rows), 0);
    };
    expect(await read("user:busy", "doc:d1")).toBeLessThanOrEqual(101);
    expect(await read("user:u7", "doc:hot")).toBeLessThan(50);
  });

  it("a page of resources reads no more of them than it shows", async () => {
    const scans = await scansOf(() =>
      app.call("list_resources", {
        p_subject_type: "user",
        p_subject_id: "busy",
        p_resource_type: "doc",
        p_permission: "read",
        p_limit: 10,
        p_cursor: "d2",
      }),
    );
    const rows = scans.map(
      (scan) => (scan["Actual Rows"] ?? 0) + (scan["Rows Removed by Filter"] ?? 0),
    );
    expect(Math.max(...rows)).toBeLessThanOrEqual(10);
  });

  it("a walk up the groups goes by the subject's index, one up the containers by that of parents", async () => {
    const scans = await scansOf(() => app.check("user:u1", "write", "folder:f499"));
    const used = scans.flatMap((scan) => scan["Index Name"] ?? []);
    expect(used).toContain("tuples_subject_idx");
    expect(used).toContain("tuples_parent_idx");
  });

  it("writes, deletes and tests for cycles use indexes alone", async () => {
    await app.query("begin");
    const user = { resource: "doc:d1", relation: "edit", subject: "user:u1" };
    const group = { resource: "team:new", relation: "member", subject: "team:t199" };
    const folder = { resource: "folder:new", relation: "parent", subject: "folder:f499" };
    for (const grant of [user, group, folder]) {
      await app.grant(grant);
      app.takeScans();
      await app.revoke(grant);
      await app.grant(grant);
      await app.grant(grant);
      const scans = app.takeScans().filter((scan) => scan["Relation Name"] === "tuples");
      expect(scans.length).toBeGreaterThan(0);
      expect(scans.filter((scan) => scan["Node Type"] === "Seq Scan")).toEqual([]);
    }
    await app.query("rollback");
  });
});
