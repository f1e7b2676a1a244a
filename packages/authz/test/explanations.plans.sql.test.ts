import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase, withClient } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openExplainedSession, type ExplainedSession } from "./support/plans.ts";

/** 20,000 tuples in two tenants: users in groups in groups, documents in folders in folders, one with many grants. */
const data = `
  insert into authz.tuples
    (namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation, expires_at)
  select n, rt, ri, r, st, si, sr, case when r = 'read' and ri like '%7' then '2001-01-01'::timestamptz end
  from unnest(array['acme', 'globex']) n,
    lateral (
      select 'team', 't' || i % 200, 'member', 'user', 'u' || i % 997, null from generate_series(1, 2000) i
      union
      select 'team', 't' || i / 3, 'member', 'team', 't' || i, 'member' from generate_series(1, 199) i
      union
      select 'folder', 'f' || i, 'parent', 'folder', 'f' || i / 4, null from generate_series(1, 500) i
      union
      select 'doc', 'd' || i, 'parent', 'folder', 'f' || i % 500, null from generate_series(1, 2000) i
      union
      select 'doc', 'd' || i, 'read', 'user', 'u' || i % 1000, null from generate_series(1, 2800) i
      union
      select 'folder', 'f' || i, 'write', 'team', 't' || i % 200, 'member' from generate_series(1, 500) i
      union
      select 'doc', 'hot', 'read', 'user', 'v' || i, null from generate_series(1, 2000) i
    ) t (rt, ri, r, st, si, sr);
  insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
  select n, t, p, i
  from unnest(array['acme', 'globex']) n,
    (select 'doc' union select 'type' || i from generate_series(1, 300) i) k (t),
    (values ('write', 'read'), ('admin', 'write')) r (p, i);
  insert into authz.graph_state (namespace) select 'tenant ' || i from generate_series(1, 1000) i;`;

let db: TestDatabase;
let app: ExplainedSession;

beforeAll(async () => {
  db = await createTestDatabase({
    modules: [authz],
    template: {
      name: "20k tuples to explain",
      prepare: ({ superUrl }) =>
        withClient(superUrl, async (root) => {
          // Their audit is not looked at here.
          await root.query("alter table authz.tuples disable trigger tuples_audit");
          await root.query(data);
          await root.query("alter table authz.tuples enable trigger tuples_audit");
          await root.query(
            "vacuum analyze authz.tuples, authz.permission_hierarchy, authz.graph_state",
          );
        }),
    },
  });
  app = await openExplainedSession(db, "acme");
});

afterAll(() => db.drop());

function question(line: string) {
  const [subjectType, subjectId, permission, resourceType, resourceId] = line.split(/[ :]/);
  return {
    p_subject_type: subjectType,
    p_subject_id: subjectId,
    p_permission: permission,
    p_resource_type: resourceType,
    p_resource_id: resourceId,
  };
}

/** Runs it and gives the scans it took; the first run may look up what is cached later. */
async function scansOf(work: () => Promise<unknown>) {
  await work();
  app.takeScans();
  await work();
  return app.takeScans();
}

describe("with 20,000 tuples, as the application role, with plans for any value", () => {
  const questions = [
    ["a direct grant", "user:u1 read doc:d1", true],
    ["a rule, groups and folders", "user:u199 read doc:d1999", true],
    ["a denial with an end in the past", "user:u997 read doc:d997", false],
    ["a denial on a resource with many grants", "user:u900 read doc:hot", false],
    ["a denial of somebody unknown", "user:nobody fly moon:1", false],
  ] as const;
  const functions = ["explain", "explain_text", "explain_json"] as const;

  it.each(
    questions.flatMap(([what, asked, answer]) =>
      functions.map((name) => ({ what, asked, answer, name })),
    ),
  )("$name uses indexes alone for $what, and reads little", async ({ asked, answer, name }) => {
    expect(await app.call("check", question(asked))).toBe(answer);
    const scans = await scansOf(() => app.rows(name, question(asked)));
    const tables = scans.filter((scan) => scan["Relation Name"] !== undefined);
    expect(tables.length).toBeGreaterThan(0);
    expect(tables.filter((scan) => scan["Node Type"] === "Seq Scan")).toEqual([]);
    for (const scan of scans) {
      expect(scan["Actual Rows"]).toBeLessThan(50);
      expect(scan["Rows Removed by Filter"] ?? 0).toBeLessThan(50);
    }
  });
});
