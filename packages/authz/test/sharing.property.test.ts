import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";

import { openSession } from "./support/session.ts";

interface Tuple {
  readonly namespace: string;
  readonly type: string;
  readonly id: string;
  readonly relation: string;
  readonly subjectType: string;
  readonly subjectId: string;
  readonly subjectRelation: string | null;
  readonly ended: boolean;
}

interface Rule {
  readonly namespace: string;
  readonly permission: string;
  readonly implies: string;
}

interface Question {
  readonly tenant: string;
  readonly viewer: readonly [type: string, id: string];
  readonly type: string;
  readonly permission: string;
}

const oneOf = fc.constantFrom;
const namespace = oneOf("a", "b", "c");
const permission = oneOf("read", "write", "admin");
const relation = oneOf("read", "write", "admin", "member", "parent");
const subject = oneOf(["user", "x"], ["user", "y"], ["team", "x"], ["doc", "x"]) as fc.Arbitrary<
  [string, string]
>;

const tuple: fc.Arbitrary<Tuple> = fc
  .record({
    namespace,
    type: oneOf("doc", "team"),
    id: oneOf("1", "2", "x"),
    relation,
    subject,
    subjectRelation: fc.option(oneOf("member", "admin"), { freq: 3 }),
    ended: fc.nat(4).map((n) => n === 0),
  })
  .map(({ subject: [subjectType, subjectId], ...rest }) => ({ ...rest, subjectType, subjectId }));

const keyOf = (row: Tuple) => JSON.stringify({ ...row, ended: undefined });
const tuples = fc.uniqueArray(tuple, { selector: keyOf, maxLength: 40 });
const rules = fc.uniqueArray(
  fc.record<Rule>({ namespace: oneOf("global", "a", "b"), permission, implies: permission }),
  { selector: (rule) => JSON.stringify(rule), maxLength: 5 },
);
const question: fc.Arbitrary<Question> = fc.record({
  tenant: namespace,
  viewer: subject,
  type: oneOf("doc", "team"),
  permission: relation,
});

let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

/** The permissions that give one, by rules of namespace global. */
function impliedBy(asked: string, all: readonly Rule[]): Set<string> {
  const found = new Set(asked === "parent" ? [] : [asked]);
  for (const implied of found) {
    for (const rule of all)
      if (rule.namespace === "global" && rule.implies === implied) found.add(rule.permission);
  }
  return found;
}

function shares(all: readonly Tuple[], { tenant, viewer }: Question): Tuple[] {
  return all.filter(
    (row) =>
      row.namespace !== tenant &&
      row.subjectType === viewer[0] &&
      row.subjectId === viewer[1] &&
      row.subjectRelation === null,
  );
}

const brief = (row: Tuple) => [row.namespace, row.id, row.relation];

it("a viewer is shown, and can leave, exactly what the model says, whatever is stored", async () => {
  await using session = await openSession(db.super);
  await fc.assert(
    fc.asyncProperty(tuples, rules, question, async (all, allRules, asked) => {
      await session.query("begin");
      try {
        // Written below the functions, so that odd graphs are among them.
        for (const row of all) {
          await session.query(
            `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id,
               subject_relation, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, case when $8 then now() - interval '1 day' end)`,
            [
              row.namespace,
              row.type,
              row.id,
              row.relation,
              row.subjectType,
              row.subjectId,
              row.subjectRelation,
              row.ended,
            ],
          );
        }
        for (const rule of allRules) {
          await session.query(
            `insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
             values ($1, $2, $3, $4)`,
            [rule.namespace, asked.type, rule.permission, rule.implies],
          );
        }
        await session.query(`set local role ${db.appRole}`);
        await session.call("set_tenant", { p_tenant_id: asked.tenant });
        const [viewerType, viewerId] = asked.viewer;
        await session.call("set_viewer", { p_viewer_type: viewerType, p_viewer_id: viewerId });
        const viewer = { p_subject_type: viewerType, p_subject_id: viewerId };

        const list = async () => {
          const rows = await session.rows("list_external_resources", {
            ...viewer,
            p_resource_type: asked.type,
            p_permission: asked.permission,
          });
          return rows.map((row) => [row.namespace, row.resource_id, row.relation]);
        };
        const relations = impliedBy(asked.permission, allRules);
        const listed = shares(all, asked)
          .filter((row) => row.type === asked.type && relations.has(row.relation) && !row.ended)
          .reverse();
        expect(await list()).toEqual(listed.map(brief));

        const left: Tuple[] = [];
        for (const row of all) {
          const answer = await session.call<boolean>("leave_external_resource", {
            ...viewer,
            p_resource_type: row.type,
            p_resource_id: row.id,
            p_relation: row.relation,
            p_owner_namespace: row.namespace,
          });
          if (answer) left.push(row);
        }
        const leavable = new Map(
          shares(all, asked).map((row) => [JSON.stringify([...brief(row), row.type]), row]),
        );
        expect(left).toHaveLength(leavable.size);
        expect(await list()).toEqual([]);

        await session.query("reset role");
        const { rows } = await session.query<{ remaining: number }>(
          "select count(*)::int as remaining from authz.tuples",
        );
        expect(rows).toEqual([{ remaining: all.length - leavable.size }]);
      } finally {
        await session.query("rollback");
      }
    }),
    { numRuns: 150 },
  );
});
