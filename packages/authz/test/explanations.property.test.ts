import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { asked, askedPermissions, move, questionsOf, rules, subjects } from "./support/graphs.ts";
import { decide, type Graph, type Question, type Rule, type Tuple } from "./support/oracle.ts";
import { openSession, type Session } from "./support/session.ts";

const graphs = 500;
const seed = Number(process.env["POSTKIT_TEST_SEED"] ?? Date.now() % 2 ** 31);
const questions = questionsOf({ subjects, permissions: askedPermissions });

/** Now is 0; the tuple has ended by then, ends at one of the moments to come, or never. */
type Until = 0 | 1 | 2 | 3 | undefined;

const moments = [1, 2, 3];

interface DatedTuple extends Omit<Tuple, "end"> {
  readonly until: Until;
}

const dated = fc
  .tuple(move, fc.constantFrom<Until>(undefined, undefined, undefined, 0, 1, 2, 3))
  .map(([{ namespace, resource, relation, subject, subjectRelation }, until]): DatedTuple => {
    return { namespace, resource, relation, subject, subjectRelation, until };
  });

const tuples = fc.uniqueArray(dated, {
  minLength: 16,
  maxLength: 40,
  selector: ({ namespace, resource, relation, subject, subjectRelation }) =>
    [namespace, resource, relation, subject, subjectRelation].join(" "),
});

const isUsual = ({ subject, permission, resource }: Question) =>
  subject.startsWith("user:") && /read|write/.test(permission) && /^(doc|folder):/.test(resource);

/** What applications ask, and some of what else there is. */
const asks = fc
  .tuple(
    fc.shuffledSubarray(questions.filter(isUsual), { minLength: 8, maxLength: 8 }),
    fc.shuffledSubarray(
      questions.filter((question) => !isUsual(question)),
      { minLength: 2, maxLength: 2 },
    ),
  )
  .map(([usual, unusual]) => [...usual, ...unusual]);

interface Thing {
  readonly type: string;
  readonly id: string;
}

interface Edge {
  readonly resource: Thing;
  readonly relation: string;
  readonly subject: Thing & { readonly relation: string | null };
  readonly expires_at: string | null;
}

interface Way {
  readonly grant: Edge;
  readonly memberships: Edge[];
  readonly containers: Edge[];
  readonly permissions: string[];
}

interface Answer {
  readonly check: boolean;
  readonly rows: number;
  readonly lines: string[];
  readonly tree: {
    readonly allowed: boolean;
    readonly expires_at: string | null;
    readonly paths: (Way & { readonly expires_at: string | null })[];
    readonly denial: {
      readonly near_misses: (Way & {
        readonly obstacles: { readonly type: string; readonly edge: Edge }[];
      })[];
    } | null;
    readonly truncated: boolean;
  };
}

let db: TestDatabase;
let app: Session;
let root: Session;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
  root = await openSession(db.super);
  app = await openSession(db.app);
});

afterAll(() => db.drop());

describe("explanations", () => {
  it(`are those of the specification on ${graphs} random graphs, to the end of access, seed ${seed}`, async () => {
    let allowed = 0;
    let ending = 0;
    let nearMisses = 0;
    await fc.assert(
      fc.asyncProperty(tuples, rules, asks, async (written, ruled, asking) => {
        await startOver(written, ruled);
        const answers = await ask(asking);
        for (const [index, question] of asking.entries()) {
          const answer = answers[index] as Answer;
          expectAnswer({ written, ruled, question, answer });
          allowed += Number(answer.check);
          ending += Number(answer.tree.expires_at !== null);
          nearMisses += answer.tree.denial?.near_misses.length ?? 0;
        }
      }),
      { numRuns: graphs, seed },
    );
    // Else there would be nothing to see in them.
    expect(Math.min(allowed, ending, nearMisses)).toBeGreaterThan(graphs / 5);
  }, 240_000);
});

interface Asked {
  readonly written: readonly DatedTuple[];
  readonly ruled: readonly Rule[];
  readonly question: Question;
  readonly answer: Answer;
}

function expectAnswer({ written, ruled, question, answer }: Asked): void {
  const { check, rows, lines, tree } = answer;
  const says = decide(graphAt(0, written, ruled), asked, question);
  expect([question, check, tree.allowed, rows > 0, tree.truncated]).toEqual([
    question,
    says,
    says,
    says,
    false,
  ]);
  expect(tree.paths).toHaveLength(rows);
  expect(lines).toHaveLength(Math.max(rows, 1));
  expect(lines.every((line) => line.startsWith("NO ACCESS: "))).toBe(!says);
  expect(tree.denial === null).toBe(says);

  expect(new Set(tree.paths.map(({ grant }) => JSON.stringify(grant))).size).toBe(rows);
  for (const way of tree.paths) {
    expect(faultsOf(way, { written, ruled, question })).toEqual([]);
    const ends = [way.grant, ...way.memberships, ...way.containers].map(({ expires_at }) =>
      momentOf(expires_at),
    );
    expect(momentOf(way.expires_at)).toBe(Math.min(...ends));
    expect(momentOf(way.expires_at)).toBeGreaterThan(0);
  }

  for (const moment of moments) {
    const then = decide(graphAt(moment, written, ruled), asked, question);
    expect([question, moment, says && momentOf(tree.expires_at) > moment]).toEqual([
      question,
      moment,
      then,
    ]);
  }

  for (const { obstacles, ...way } of tree.denial?.near_misses ?? []) {
    expect(obstacles.length).toBeGreaterThan(0);
    const repaired = written.map((tuple) => {
      const mine = obstacles.filter(({ edge }) => isOf(edge, tuple));
      return {
        ...tuple,
        until: mine.some(({ type }) => type === "expired") ? undefined : tuple.until,
        subjectRelation: mine.some(({ type }) => type === "relation")
          ? undefined
          : tuple.subjectRelation,
      };
    });
    expect(decide(graphAt(0, repaired, ruled), asked, question)).toBe(true);
    expect(faultsOf(way, { written, ruled, question }).length).toBe(obstacles.length);
  }
}

/** What keeps a way from leading from the subject to the permission, replayed edge by edge. */
function faultsOf(
  { grant, memberships, containers, permissions }: Way,
  { written, ruled, question }: Omit<Asked, "answer">,
): string[] {
  const faults: string[] = [];
  const claim = (holds: boolean, what: string) => {
    if (!holds) faults.push(what);
  };
  let holder = { name: question.subject, relation: null as string | null };
  for (const edge of [...memberships, grant]) {
    const stored = written.find((tuple) => isOf(edge, tuple));
    claim(stored?.namespace === asked, "there is no such tuple");
    claim(stored === undefined || momentOf(edge.expires_at) === (stored.until ?? Infinity), "ends");
    claim(momentOf(edge.expires_at) > 0, "it has ended");
    claim(nameOf(edge.subject) === holder.name, "it is to somebody else");
    claim(
      edge.subject.relation === null || edge.subject.relation === holder.relation,
      "it is to the holders of another relation",
    );
    claim(edge.relation !== "parent", "parent gives nothing");
    claim(
      edge === grant || holder.relation === null || edge.relation === "member",
      "only members rise",
    );
    holder = { name: nameOf(edge.resource), relation: edge.relation };
  }
  let place = question.resource;
  for (const edge of containers) {
    claim(
      written.some((tuple) => isOf(edge, tuple) && tuple.namespace === asked),
      "there is no such tuple",
    );
    claim(momentOf(edge.expires_at) > 0, "it has ended");
    claim(nameOf(edge.resource) === place, "it is about something else");
    claim(edge.relation === "parent" && edge.subject.relation === null, "it is no container");
    place = nameOf(edge.subject);
  }
  claim(nameOf(grant.resource) === place, "the grant is elsewhere");
  claim(permissions[0] === grant.relation, "another permission was granted");
  claim(permissions.at(-1) === question.permission, "another permission was asked for");
  for (const [index, permission] of permissions.slice(0, -1).entries()) {
    claim(
      ruled.some(
        (rule) =>
          [asked, "global"].includes(rule.namespace) &&
          question.resource.startsWith(`${rule.type}:`) &&
          rule.permission === permission &&
          rule.implies === permissions[index + 1],
      ),
      "there is no such rule",
    );
  }
  return faults;
}

function graphAt(moment: number, written: readonly DatedTuple[], ruled: readonly Rule[]): Graph {
  return {
    rules: ruled,
    tuples: written.map(({ until, ...tuple }) => ({
      ...tuple,
      end: until !== undefined && until <= moment ? "past" : undefined,
    })),
  };
}

function isOf(edge: Edge, tuple: DatedTuple): boolean {
  return (
    tuple.namespace === asked &&
    nameOf(edge.resource) === tuple.resource &&
    edge.relation === tuple.relation &&
    nameOf(edge.subject) === tuple.subject &&
    edge.subject.relation === (tuple.subjectRelation ?? null)
  );
}

function nameOf({ type, id }: Thing): string {
  return `${type}:${id}`;
}

/** Moments are the first days of far years; never is later than all. */
function momentOf(date: string | null): number {
  return date === null ? Infinity : Math.max(0, new Date(date).getUTCFullYear() - 2900);
}

async function startOver(written: readonly DatedTuple[], ruled: readonly Rule[]): Promise<void> {
  await root.query(
    `delete from authz.tuples;
     delete from authz.permission_hierarchy;
     delete from authz.graph_state;
     delete from authz.type_edges;
     delete from authz.audit_events`,
  );
  await root.query(
    `insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
     select r.namespace, r.type, r.permission, r.implies
     from jsonb_to_recordset($1) r (namespace text, type text, permission text, implies text)`,
    [JSON.stringify(ruled)],
  );
  await root.query(
    `insert into authz.tuples
       (namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation, expires_at)
     select t.namespace, split_part(t.resource, ':', 1), split_part(t.resource, ':', 2), t.relation,
       split_part(t.subject, ':', 1), split_part(t.subject, ':', 2), t."subjectRelation",
       case t.until when 0 then '2001-01-01' else make_timestamptz(2900 + t.until, 1, 1, 0, 0, 0, 'UTC') end
     from jsonb_to_recordset($1)
       t (namespace text, resource text, relation text, subject text, "subjectRelation" text, until int)`,
    [JSON.stringify(written)],
  );
}

async function ask(asking: readonly Question[]): Promise<Answer[]> {
  await app.useTenant(asked);
  const { rows } = await app.query<Answer>({
    name: "ask",
    text: `
      select authz.check(s[1], s[2], q.permission, r[1], r[2]) as check,
        (select count(*)::int from authz.explain(s[1], s[2], q.permission, r[1], r[2])) as rows,
        array(select authz.explain_text(s[1], s[2], q.permission, r[1], r[2])) as lines,
        authz.explain_json(s[1], s[2], q.permission, r[1], r[2]) as tree
      from unnest($1::text[], $2::text[], $3::text[]) with ordinality q (subject, permission, resource, position),
        string_to_array(q.subject, ':') s, string_to_array(q.resource, ':') r
      order by q.position`,
    values: [
      asking.map(({ subject }) => subject),
      asking.map(({ permission }) => permission),
      asking.map(({ resource }) => resource),
    ],
  });
  return rows;
}
