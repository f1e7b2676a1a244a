import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase, withClient } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openExplainedSession, type ExplainedSession } from "./support/plans.ts";

/** 30,000 tuples in 40 tenants; u1 has 3,000 more at home. No page is known to be visible to all: the worst case. */
const data = `
  insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
  select 'tenant' || i % 40, 'doc', 'd' || i, 'read', 'user', 'u' || i % 2000 from generate_series(1, 30000) i
  union all
  select 'home', 'doc', 'd' || i, 'read', 'user', 'u1' from generate_series(1, 3000) i;`;

let db: TestDatabase;
let app: ExplainedSession;

beforeAll(async () => {
  db = await createTestDatabase({
    modules: [authz],
    template: {
      name: "30k tuples in 40 tenants",
      prepare: ({ superUrl }) =>
        withClient(superUrl, async (root) => {
          // Their audit is not looked at here.
          await root.query("alter table authz.tuples disable trigger tuples_audit");
          await root.query(data);
          await root.query("alter table authz.tuples enable trigger tuples_audit");
          await root.query("analyze authz.tuples, authz.permission_hierarchy");
        }),
    },
  });
  app = await openExplainedSession(db, "home");
});

afterAll(() => db.drop());

/** Runs it and gives the scans of tuples it took; the first run may look up what is cached later. */
async function scansOf(work: () => Promise<unknown>) {
  await work();
  app.takeScans();
  await work();
  return app.takeScans().filter((scan) => {
    const of = scan["Relation Name"] ?? scan["Index Name"];
    return of?.startsWith("tuples");
  });
}

const alice = { p_subject_type: "user", p_subject_id: "u1" };

describe("with 30,000 tuples in 40 tenants, with plans for any value", () => {
  it("external resources are found by the recipient's index, past all that is at home", async () => {
    await app.useViewer("user:u1");
    const ask = () =>
      app.rows("list_external_resources", {
        ...alice,
        p_resource_type: "doc",
        p_permission: "read",
      });
    expect(await ask()).toHaveLength(15);
    const scans = await scansOf(ask);
    const read = scans.map((scan) => [scan["Node Type"], scan["Index Name"], scan["Actual Rows"]]);
    expect(read).toContainEqual(["Bitmap Heap Scan", undefined, 15]);
    const indexes = new Set(scans.flatMap((scan) => scan["Index Name"] ?? []));
    expect([...indexes]).toEqual(["tuples_recipient_idx"]);
    for (const scan of scans) expect(scan["Rows Removed by Filter"] ?? 0).toBe(0);
  });

  it("grants of a subject are found by its index, also with a type and after a cursor", async () => {
    for (const args of [
      {},
      { p_resource_type: "doc" },
      { p_limit: 100 },
      { p_limit: 100, p_cursor_resource_type: "doc", p_cursor_resource_id: "d5" },
    ]) {
      const scans = await scansOf(() => app.rows("list_subject_grants", { ...alice, ...args }));
      const indexes = new Set(scans.flatMap((scan) => scan["Index Name"] ?? []));
      expect([...indexes]).toEqual(["tuples_subject_idx"]);
    }
  });

  it("no other function is tempted by the recipient's index", async () => {
    const question = { ...alice, p_resource_type: "doc", p_permission: "write" };
    const about = { ...alice, p_resource_type: "doc", p_resource_id: "d1" };
    const scans = [
      ...(await scansOf(() => app.check("user:u1", "read", "doc:d1"))),
      ...(await scansOf(() => app.check("user:u1", "write", "doc:d1"))),
      ...(await scansOf(() => app.rows("list_resources", question))),
      ...(await scansOf(() =>
        app.call("filter_authorized", { ...question, p_resource_ids: ["d1", "d2"] }),
      )),
      ...(await scansOf(() => app.call("check_any", { ...about, p_permissions: ["a", "b"] }))),
      ...(await scansOf(async () => {
        await app.query("begin");
        for (const grant of [
          { resource: "doc:new", relation: "read", subject: "user:u1" },
          { resource: "team:a", relation: "member", subject: "team:b" },
          { resource: "folder:a", relation: "parent", subject: "folder:b" },
        ]) {
          await app.grant(grant);
          await app.revoke(grant);
        }
        await app.query("rollback");
      })),
    ];
    expect(scans.length).toBeGreaterThan(5);
    const indexes = new Set(scans.flatMap((scan) => scan["Index Name"] ?? []));
    expect(indexes).not.toContain("tuples_recipient_idx");
    expect(scans.filter((scan) => scan["Node Type"] === "Seq Scan")).toEqual([]);
  });
});
