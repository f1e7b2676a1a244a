import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase, withClient } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openExplainedSession, type ExplainedSession } from "./support/plans.ts";

/** A document with 5,000 readers, one for a team of 5,000, and one in a folder for teams in teams; in three tenants. */
const data = `
  insert into authz.tuples
    (namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation)
  select n, rt, ri, r, st, si, sr
  from unnest(array['acme', 'globex', 'initech']) n,
    lateral (
      select 'doc', 'hot', 'read', 'user', 'u' || i, null from generate_series(1, 5000) i
      union all
      select 'team', 'all', 'member', 'user', 'u' || i, null from generate_series(1, 5000) i
      union all
      select 'doc', 'wide', 'read', 'team', 'all', 'member'
      union all
      select 'team', 't' || i / 5, 'member', 'team', 't' || i, 'member' from generate_series(1, 124) i
      union all
      select 'team', 't' || i % 125, 'member', 'user', 'u' || i, null from generate_series(1, 2500) i
      union all
      select 'doc', 'deep', 'parent', 'folder', 'f', null
      union all
      select 'folder', 'f', 'read', 'team', 't0', 'member'
      union all
      select 'doc', 'd' || i % 1000, 'read', 'user', 'u' || i, null from generate_series(1, 3000) i
    ) t (rt, ri, r, st, si, sr)
  on conflict do nothing;`;

let db: TestDatabase;
let app: ExplainedSession;

beforeAll(async () => {
  db = await createTestDatabase({
    modules: [authz],
    template: {
      name: "subjects of documents",
      prepare: ({ superUrl }) =>
        withClient(superUrl, async (root) => {
          // Their audit is not looked at here.
          await root.query("alter table authz.tuples disable trigger tuples_audit");
          await root.query(data);
          await root.query("alter table authz.tuples enable trigger tuples_audit");
          await root.query("vacuum analyze authz.tuples, authz.permission_hierarchy");
        }),
    },
  });
  app = await openExplainedSession(db, "acme");
});

afterAll(() => db.drop());

/** What a call reads: the rows of tuples, and how it comes by them; the first run may look up what is cached later. */
async function readsOf(name: string, args: Record<string, unknown>) {
  const question = { p_resource_type: "doc", p_permission: "read", ...args };
  const rows = await app.rows(name, question);
  app.takeScans();
  await app.rows(name, question);
  const scans = app.takeScans().filter((scan) => scan["Relation Name"] === "tuples");
  const read = scans.map(
    (scan) =>
      ((scan["Actual Rows"] ?? 0) + (scan["Rows Removed by Filter"] ?? 0)) *
      (scan["Actual Loops"] ?? 1),
  );
  return {
    rows,
    read: read.reduce((sum, one) => sum + one, 0),
    sequential: scans.filter((scan) => !/^(Index|Bitmap)/.test(scan["Node Type"])),
  };
}

const middle = { p_cursor_type: "user", p_cursor_id: "u3" };

describe("with 48,000 tuples, as the application role, with plans for any value", () => {
  it.each([
    ["of a document with 5,000 readers", "hot", {}, 50],
    ["in the middle of 5,000 readers", "hot", middle, 50],
    ["of users among 5,000 readers", "hot", { p_subject_type: "user" }, 50],
    ["of a team of 5,000", "wide", {}, 50],
    ["in the middle of a team of 5,000", "wide", middle, 50],
  ])("a page of 10 %s reads a few rows by an index", async (_, id, args, most) => {
    const page = await readsOf("list_subjects", { p_resource_id: id, p_limit: 10, ...args });
    expect(page.rows).toHaveLength(10);
    expect(page.sequential).toEqual([]);
    expect(page.read).toBeGreaterThanOrEqual(10);
    expect(page.read).toBeLessThanOrEqual(most);
  });

  it.each([
    ["the first page", {}],
    ["a page in the middle", middle],
  ])("%s through 125 nested teams reads some rows for each team", async (_, args) => {
    const page = await readsOf("list_subjects", {
      p_resource_id: "deep",
      p_limit: 10,
      ...args,
    });
    expect(page.rows).toHaveLength(10);
    expect(page.sequential).toEqual([]);
    expect(page.read).toBeLessThanOrEqual(125 * 6);
  });

  it("a count uses indexes alone", async () => {
    for (const id of ["hot", "wide", "deep", "none"]) {
      expect((await readsOf("count_subjects", { p_resource_id: id })).sequential).toEqual([]);
    }
  });
});
