import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { asked, move, rules } from "./support/graphs.ts";
import { decide, type Graph, type Rule, type Tuple } from "./support/oracle.ts";
import { openSession, type Session } from "./support/session.ts";

const graphs = Number(process.env["POSTKIT_TEST_GRAPHS"] ?? 500);
const seed = Number(process.env["POSTKIT_TEST_SEED"] ?? Date.now() % 2 ** 31);

const questions = ["doc:a", "folder:a", "folder:b", "team:a", "user:a"].flatMap((resource) =>
  ["read", "write", "member", "parent"].map((permission) => ({ permission, resource })),
);
type Question = (typeof questions)[number];

/** As they may stand in the table, each key once. */
const tuples = fc.uniqueArray<Tuple, string>(move, {
  minLength: 8,
  maxLength: 36,
  selector: ({ namespace, resource, relation, subject, subjectRelation }) =>
    [namespace, resource, relation, subject, subjectRelation].join(" "),
});

let db: TestDatabase;
let app: Session;
let root: Session;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
  root = await openSession(db.super);
  app = await openSession(db.app);
  await app.query(walk);
});

afterAll(() => db.drop());

describe("list_subjects and count_subjects", () => {
  it(`agree with check as it is specified on ${graphs} random graphs, page by page, seed ${seed}`, async () => {
    await fc.assert(
      fc.asyncProperty(tuples, rules, fc.nat(11), async (stored, ruled, shift) => {
        const graph = { tuples: stored, rules: ruled };
        await store(graph);
        const answers = await ask(shift);
        const wrong = questions.flatMap((question, index) => {
          const expected = listed(graph, question);
          const typed = expected.filter((subject) =>
            subject.startsWith(`${typeOf(index, shift)}:`),
          );
          const limit = limitOf(index, shift);
          const right = {
            pages: pagesOf(expected, limit),
            typed_pages: pagesOf(typed, limit),
            total: expected.length,
            total_typed: typed.length,
          };
          const answer = answers[index];
          return JSON.stringify(answer) === JSON.stringify(right)
            ? []
            : [{ question, limit, answer, right }];
        });
        expect(wrong).toEqual([]);
      }),
      { numRuns: graphs, seed },
    );
  }, 300_000);
});

/** Whom check admits, without those who have a live member, in byte order. */
function listed(graph: Graph, question: Question): string[] {
  const here = graph.tuples.filter(({ namespace }) => namespace === asked);
  const withMembers = new Set(
    here
      .filter(({ relation, end }) => relation === "member" && end !== "past")
      .map(({ resource }) => resource),
  );
  return [...new Set(here.flatMap(({ resource, subject }) => [resource, subject]))]
    .filter((subject) => !withMembers.has(subject))
    .filter((subject) => decide(graph, asked, { subject, ...question }))
    .sort();
}

/** As a reader gets them who stops at the first page that is not full. */
function pagesOf(subjects: readonly string[], limit: number): string[][] {
  return Array.from({ length: Math.floor(subjects.length / limit) + 1 }, (_, page) =>
    subjects.slice(page * limit, (page + 1) * limit),
  );
}

/** One, two and three in turn, each question with each of them over the graphs. */
function limitOf(index: number, shift: number): number {
  return ((index + shift) % 3) + 1;
}

/** The type that pages are asked for, besides all. */
function typeOf(index: number, shift: number): string {
  return ["team", "user", "team", "folder"][(index + shift) % 4] ?? "";
}

async function store({ tuples: stored, rules: ruled }: Graph): Promise<void> {
  await root.query(
    "truncate authz.tuples, authz.permission_hierarchy, authz.graph_state, authz.type_edges",
  );
  await root.query(
    `insert into authz.tuples (
       namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation, expires_at
     )
     select t.namespace, split_part(t.resource, ':', 1), split_part(t.resource, ':', 2), t.relation,
       split_part(t.subject, ':', 1), split_part(t.subject, ':', 2), t."subjectRelation",
       case t."end" when 'past' then '2001-01-01' when 'future' then '2999-01-01' end::timestamptz
     from jsonb_to_recordset($1) t (
       namespace text, resource text, relation text, subject text, "subjectRelation" text, "end" text
     )`,
    [JSON.stringify(stored)],
  );
  await root.query(
    `insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
     select r.namespace, r.type, r.permission, r.implies
     from jsonb_to_recordset($1) r (namespace text, type text, permission text, implies text)`,
    [JSON.stringify(ruled satisfies readonly Rule[])],
  );
}

/** Reads all pages, each from the cursor that the one before gave, up to one that is not full. */
const walk = `
  create function pg_temp.walk(p_permission text, p_resource text, p_limit int, p_subject_type text)
  returns jsonb
  language plpgsql
  as $$
  declare
    v_pages jsonb := '[]';
    v_page text[];
    v_last text;
  begin
    for v_number in 1..1000 loop
      v_page := array(
        select s.subject_type || ':' || s.subject_id
        from authz.list_subjects(
          split_part(p_resource, ':', 1), split_part(p_resource, ':', 2), p_permission,
          p_limit => p_limit, p_subject_type => p_subject_type,
          p_cursor_type => split_part(v_last, ':', 1), p_cursor_id => split_part(v_last, ':', 2)
        ) s
      );
      v_pages := v_pages || jsonb_build_array(v_page);
      exit when cardinality(v_page) < p_limit;
      v_last := v_page[cardinality(v_page)];
    end loop;
    return v_pages;
  end
  $$`;

interface Answer {
  readonly pages: string[][];
  readonly typed_pages: string[][];
  readonly total: number;
  readonly total_typed: number;
}

async function ask(shift: number): Promise<Answer[]> {
  await app.useTenant(asked);
  const { rows } = await app.query<Answer>(
    `select pg_temp.walk(q.permission, q.resource, q.max, null) as pages,
       pg_temp.walk(q.permission, q.resource, q.max, q.type) as typed_pages,
       authz.count_subjects(split_part(q.resource, ':', 1), split_part(q.resource, ':', 2), q.permission)::int as total,
       authz.count_subjects(
         split_part(q.resource, ':', 1), split_part(q.resource, ':', 2), q.permission, p_subject_type => q.type
       )::int as total_typed
     from unnest($1::text[], $2::text[], $3::int[], $4::text[]) with ordinality q (permission, resource, max, type, position)
     order by q.position`,
    [
      questions.map(({ permission }) => permission),
      questions.map(({ resource }) => resource),
      questions.map((_, index) => limitOf(index, shift)),
      questions.map((_, index) => typeOf(index, shift)),
    ],
  );
  return rows;
}
