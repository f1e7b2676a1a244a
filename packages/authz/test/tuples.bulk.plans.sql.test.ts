import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase, withClient } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openExplainedSession, type ExplainedSession } from "./support/plans.ts";
import type { NamedArguments } from "./support/session.ts";

/** 60,000 tuples in three tenants: one document that everybody reads, many that few do, some grants that end. */
const data = `
  insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id, expires_at)
  select n, rt, ri, 'read', 'user', si, e
  from unnest(array['acme', 'globex', 'initech']) n,
    lateral (
      select 'doc', 'hot', 'u' || i, null::timestamptz from generate_series(1, 5000) i
      union all
      select 'doc', 'd' || i, 'u' || i % 1000, null from generate_series(1, 14800) i
      union all
      select 'doc', 'e' || i, 'u' || i % 1000, now() + make_interval(days => i - 100) from generate_series(1, 200) i
    ) t (rt, ri, si, e);`;

let db: TestDatabase;
let app: ExplainedSession;

beforeAll(async () => {
  db = await createTestDatabase({
    modules: [authz],
    template: {
      name: "60k tuples",
      prepare: ({ superUrl }) =>
        withClient(superUrl, async (root) => {
          await root.query("alter table authz.tuples disable trigger tuples_audit");
          await root.query(data);
          await root.query("alter table authz.tuples enable trigger tuples_audit");
          await root.query("vacuum analyze authz.tuples");
        }),
    },
  });
  app = await openExplainedSession(db, "acme");
});

afterAll(() => db.drop());

const one = { p_resource_type: "doc", p_resource_id: "hot", p_relation: "read" };

const calls: readonly (readonly [string, NamedArguments, rowsMax: number])[] = [
  ["write_tuples_bulk", { ...one, p_subject_type: "user", p_subject_ids: ["u1", "new"] }, 0],
  [
    "transfer_tuple",
    {
      ...one,
      p_from_subject_type: "user",
      p_from_subject_id: "u1",
      p_to_subject_type: "user",
      p_to_subject_id: "u2",
    },
    2,
  ],
  ["revoke_subject_grants", { p_subject_type: "user", p_subject_id: "u7" }, 30],
  [
    "revoke_subject_grants",
    { p_subject_type: "user", p_subject_id: "u7", p_resource_type: "doc" },
    30,
  ],
  ["revoke_resource_grants", { p_resource_type: "doc", p_resource_id: "d1" }, 1],
  [
    "revoke_resource_grants",
    { p_resource_type: "doc", p_resource_id: "d1", p_relation: "read" },
    1,
  ],
  ["sync_grants", { p_resource_type: "doc", p_resource_id: "d1", p_desired: "[]" }, 1],
  [
    "set_expiration",
    { ...one, p_subject_type: "user", p_subject_id: "u1", p_expires_at: "2999-01-01Z" },
    1,
  ],
  ["list_expiring", {}, 7],
  ["cleanup_expired", {}, 100],
];

describe("with 60,000 tuples, as the application role, with plans for any value", () => {
  it.each(calls)(
    "%s reads by index no more rows than it is about: %j",
    async (name, args, rowsMax) => {
      for (const isLooked of [false, true]) {
        await app.query("begin");
        app.takeScans();
        await app.rows(name, args);
        const scans = app
          .takeScans()
          .filter((scan) => `${scan["Relation Name"]}${scan["Index Name"]}`.includes("tuples"));
        await app.query("rollback");
        if (!isLooked) continue;
        expect(scans.filter((scan) => scan["Node Type"] === "Seq Scan")).toEqual([]);
        for (const scan of scans) {
          expect(scan["Rows Removed by Filter"] ?? 0).toBe(0);
          expect(scan["Actual Rows"]).toBeLessThanOrEqual(rowsMax);
        }
        expect(scans.length).toBeGreaterThan(rowsMax === 0 ? -1 : 0);
      }
    },
  );
});
