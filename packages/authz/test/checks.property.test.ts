import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { closesCycle, decide, type End, type Rule, type Tuple } from "./support/oracle.ts";
import { openSession, type Session } from "./support/session.ts";

const graphs = 300;

const users = ["user:a", "user:b"];
const groups = ["team:a", "team:b", "team:c"];
const folders = ["folder:a", "folder:b", "folder:c"];
const docs = ["doc:a"];
const permissions = ["read", "write"];
/** The one that is asked, with what must not be seen in it. */
const asked = "one";
const namespaces = [asked, asked, asked, "two"];

const questions = [...users, "team:a", "team:b", "folder:a", "doc:a"].flatMap((subject) =>
  [...docs, "folder:a", "folder:b", "team:a"].flatMap((resource) =>
    [...permissions, "member", "parent"].map((permission) => ({ subject, permission, resource })),
  ),
);

/** `raw` writes what no function would: cycles, and ends in the past. */
type Move = Tuple & { readonly way: "write" | "raw" | "delete" };

const end = fc.constantFrom<End>(undefined, undefined, "future", "past");
const subjectRelation = fc.constantFrom(undefined, undefined, "member", "member", "admin");
const way = fc.constantFrom<Move["way"]>("write", "write", "raw", "raw", "raw", "delete");
const namespace = fc.constantFrom(...namespaces);

function moves(resources: string[], relations: string[], subjects: string[]): fc.Arbitrary<Move> {
  return fc.record({
    way,
    namespace,
    resource: fc.constantFrom(...resources),
    relation: fc.constantFrom(...relations),
    subject: fc.constantFrom(...subjects),
    subjectRelation,
    end,
  });
}

const move = fc.oneof(
  { weight: 3, arbitrary: moves(groups, ["member", "member", "admin"], [...users, ...groups]) },
  { weight: 2, arbitrary: moves([...folders, ...docs], ["parent"], folders) },
  { weight: 3, arbitrary: moves([...folders, ...docs], permissions, [...users, ...groups]) },
  // Whatever else may stand in the table.
  {
    weight: 1,
    arbitrary: moves(
      [...docs, ...groups, ...users],
      ["member", "parent", "read"],
      [...docs, ...folders, ...users],
    ),
  },
);

/** Moves, some of them made again later: edges go and come back. */
const history = fc
  .tuple(
    fc.array(move, { minLength: 8, maxLength: 28 }),
    fc.array(fc.tuple(fc.nat(), way), { maxLength: 8 }),
  )
  .map(([first, again]) => [
    ...first,
    ...again.flatMap(([index, differently]) => {
      const chosen = first[index % first.length];
      return chosen === undefined ? [] : [{ ...chosen, way: differently }];
    }),
  ]);

const rules = fc.uniqueArray(
  fc.record<Rule>({
    namespace: fc.constantFrom("one", "one", "two", "global"),
    type: fc.constantFrom("doc", "folder", "team"),
    permission: fc.constantFrom(...permissions, "parent"),
    implies: fc.constantFrom(...permissions, "member", "parent"),
  }),
  { maxLength: 6, selector: (rule) => JSON.stringify(rule) },
);

let db: TestDatabase;
let app: Session;
let root: Session;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
  root = await openSession(db.super);
  app = await openSession(db.app);
  await app.query(play);
});

afterAll(() => db.drop());

describe("writes and checks", () => {
  it(`agree with the specification on ${graphs} random graphs`, async () => {
    await fc.assert(
      fc.asyncProperty(history, rules, async (made, ruled) => {
        await startOver(ruled);
        const model = new Model();
        const expected = made.map((one) => model.move(one));
        expect(await outcomes(made)).toEqual(expected);
        const graph = { tuples: model.tuples, rules: ruled };
        const answers = await ask();
        const wrong = questions.filter(
          (question, index) => answers[index] !== decide(graph, asked, question),
        );
        expect(wrong).toEqual([]);
      }),
      { numRuns: graphs },
    );
  }, 120_000);
});

/** The table of tuples as the specification has it: what each move does to it, and what it says. */
class Model {
  readonly #stored = new Map<string, Tuple>();

  get tuples(): readonly Tuple[] {
    return [...this.#stored.values()];
  }

  move({ way: by, ...tuple }: Move): string {
    const key = [
      tuple.namespace,
      tuple.resource,
      tuple.relation,
      tuple.subject,
      tuple.subjectRelation,
    ].join(" ");
    if (by === "delete") return String(this.#stored.delete(key));
    const known = this.#stored.get(key);
    if (by === "write") {
      const refused =
        this.#refusal(tuple) ?? (known?.end === "past" || !known ? pastEnd(tuple) : undefined);
      if (refused !== undefined) return refused;
    }
    if (known === undefined || (by === "write" && known.end === "past"))
      this.#stored.set(key, tuple);
    return "done";
  }

  #refusal(tuple: Tuple): string | undefined {
    const isGroupEdge = tuple.relation === "member" && !tuple.subject.startsWith("user:");
    if (!isGroupEdge && tuple.relation !== "parent") return undefined;
    if (tuple.resource === tuple.subject)
      return isGroupEdge ? "BIZ_SELF_MEMBERSHIP" : "BIZ_SELF_PARENT";
    if (!closesCycle(this.tuples, tuple)) return undefined;
    return isGroupEdge ? "BIZ_CYCLE_GROUP" : "BIZ_CYCLE_RESOURCE";
  }
}

function pastEnd(tuple: Tuple): string | undefined {
  return tuple.end === "past" ? "VAL_EXPIRATION_FUTURE" : undefined;
}

async function startOver(ruled: readonly Rule[]): Promise<void> {
  await root.query(
    "truncate authz.tuples, authz.permission_hierarchy, authz.graph_state, authz.type_edges",
  );
  await root.query(
    `insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
     select r.namespace, r.type, r.permission, r.implies
     from jsonb_to_recordset($1) r (namespace text, type text, permission text, implies text)`,
    [JSON.stringify(ruled)],
  );
}

/** Makes moves as the application role, each in its tenant, and tells what each said. */
const play = `
  create function pg_temp.play(p_moves jsonb)
  returns text[]
  language plpgsql
  as $$
  declare
    v record;
    v_outcome text;
    v_outcomes text[] := '{}';
  begin
    for v in
      select m.value ->> 'way' as way, m.value ->> 'namespace' as namespace, m.value ->> 'relation' as relation,
        m.value ->> 'subjectRelation' as subject_relation,
        split_part(m.value ->> 'resource', ':', 1) as resource_type,
        split_part(m.value ->> 'resource', ':', 2) as resource_id,
        split_part(m.value ->> 'subject', ':', 1) as subject_type,
        split_part(m.value ->> 'subject', ':', 2) as subject_id,
        case m.value ->> 'end' when 'past' then '2001-01-01' when 'future' then '2999-01-01' end::timestamptz as expires_at
      from jsonb_array_elements(p_moves) with ordinality m (value, position)
      order by m.position
    loop
      perform authz.set_tenant(v.namespace);
      v_outcome := 'done';
      begin
        if v.way = 'delete' then
          v_outcome := authz.delete_tuple(
            v.resource_type, v.resource_id, v.relation, v.subject_type, v.subject_id, v.subject_relation
          );
        elsif v.way = 'write' then
          perform authz.write_tuple(
            v.resource_type, v.resource_id, v.relation, v.subject_type, v.subject_id, v.subject_relation,
            p_expires_at => v.expires_at
          );
        else
          insert into authz.tuples (
            namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation, expires_at
          )
          values (
            v.namespace, v.resource_type, v.resource_id, v.relation, v.subject_type, v.subject_id, v.subject_relation,
            v.expires_at
          )
          on conflict do nothing;
        end if;
      exception
        when others then
          get stacked diagnostics v_outcome = pg_exception_hint;
          v_outcome := replace(v_outcome, 'postkit:authz:', '');
      end;
      v_outcomes := v_outcomes || v_outcome;
    end loop;
    return v_outcomes;
  end
  $$`;

async function outcomes(made: readonly Move[]): Promise<string[]> {
  const { rows } = await app.query<{ outcomes: string[] }>("select pg_temp.play($1) as outcomes", [
    JSON.stringify(made),
  ]);
  return rows[0]?.outcomes ?? [];
}

async function ask(): Promise<boolean[]> {
  const { rows } = await app.query<{ answers: boolean[] }>({
    name: "ask",
    text: `
      select array_agg(
        authz.check(
          split_part(q.subject, ':', 1), split_part(q.subject, ':', 2), q.permission,
          split_part(q.resource, ':', 1), split_part(q.resource, ':', 2),
          p_namespace => set_config('postkit.tenant_id', $1, true)
        )
        order by q.position
      ) as answers
      from unnest($2::text[], $3::text[], $4::text[]) with ordinality q (subject, permission, resource, position)`,
    values: [
      asked,
      questions.map(({ subject }) => subject),
      questions.map(({ permission }) => permission),
      questions.map(({ resource }) => resource),
    ],
  });
  return rows[0]?.answers ?? [];
}
