import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import {
  asked,
  history,
  questionsOf,
  resources,
  rules,
  sample,
  type Move,
  type Sample,
} from "./support/graphs.ts";
import { closesCycle, decide, type Question, type Rule, type Tuple } from "./support/oracle.ts";
import { openSession, type Session } from "./support/session.ts";

const graphs = Number(process.env["POSTKIT_TEST_GRAPHS"] ?? 1000);
const seed = Number(process.env["POSTKIT_TEST_SEED"] ?? Date.now() % 2 ** 31);

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
  it(`agree with the specification on ${graphs} random graphs, seed ${seed}`, async () => {
    await fc.assert(
      fc.asyncProperty(history, rules, sample, async (made, ruled, sampled) => {
        await startOver(ruled);
        const model = new Model();
        const expected = made.map((one) => model.move(one));
        expect(await outcomes(made)).toEqual(expected);
        const graph = { tuples: model.tuples, rules: ruled };
        const truth = questionsOf(sampled)
          .filter((question) => decide(graph, asked, question))
          .map(sentence)
          .sort();
        for (const [surface, admitted] of Object.entries(await surfaces(sampled))) {
          expect({ surface, admitted: admitted.sort() }).toEqual({ surface, admitted: truth });
        }
      }),
      { numRuns: graphs, seed },
    );
  }, 300_000);
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
  // Deleting a few rows is faster than truncating: no files are made.
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

function sentence({ subject, permission, resource }: Question): string {
  return `${subject} ${permission} ${resource}`;
}

/** What each way to ask says is so, as sentences. */
async function surfaces(sampled: Sample): Promise<Record<string, string[]>> {
  await app.query("begin");
  await app.query("select authz.set_tenant($1)", [asked]);
  const { rows } = await app.query<{ surface: string; admitted: string[] }>({
    name: "surfaces",
    text: surfacesText,
    values: [
      JSON.stringify(questionsOf(sampled).map(inParts)),
      sampled.subjects,
      JSON.stringify(resources),
      sampled.permissions,
    ],
  });
  await app.query("commit");
  return Object.fromEntries(rows.map(({ surface, admitted }) => [surface, admitted]));
}

function inParts({ subject, permission, resource }: Question) {
  const [subject_type, subject_id] = subject.split(":");
  const [resource_type, resource_id] = resource.split(":");
  return { subject_type, subject_id, permission, resource_type, resource_id };
}

const surfacesText = `
  with recursive
    questions as materialized (
      select q.*, format('%s:%s %s %s:%s', subject_type, subject_id, permission, resource_type, resource_id) as sentence
      from jsonb_to_recordset($1) q (
        subject_type text, subject_id text, permission text, resource_type text, resource_id text
      )
    ),
    sights as materialized (
      select split_part(s, ':', 1) as st, split_part(s, ':', 2) as si, r.key as rt, p,
        array(select jsonb_array_elements_text(r.value)) as ids
      from unnest($2::text[]) s
      cross join jsonb_each($3) r
      cross join unnest($4::text[]) p
    ),
    pages (st, si, rt, p, id) as (
      select s.st, s.si, s.rt, s.p, (select authz.list_resources(s.st, s.si, s.rt, s.p, p_limit => 1)) from sights s
      union all
      select s.st, s.si, s.rt, s.p, (
        select authz.list_resources(s.st, s.si, s.rt, s.p, p_limit => 1, p_cursor => s.id)
      )
      from pages s
      where s.id is not null
    )
  select surface, array_remove(array_agg(sentence), null) as admitted
  from (
    select 'check' as surface, q.sentence
    from questions q
    where authz.check(q.subject_type, q.subject_id, q.permission, q.resource_type, q.resource_id)
    union all
    select 'check_any', q.sentence
    from questions q
    where authz.check_any(q.subject_type, q.subject_id, array[q.permission, 'fly'], q.resource_type, q.resource_id)
    union all
    select 'check_all', q.sentence
    from questions q
    where authz.check_all(q.subject_type, q.subject_id, array[q.permission], q.resource_type, q.resource_id)
    union all
    select 'check_bulk', q ->> 'sentence'
    from (select jsonb_agg(to_jsonb(q)) as all from questions q) b
    cross join unnest(authz.check_bulk(b.all)) with ordinality a (answer, position)
    cross join lateral jsonb_extract_path(b.all, (a.position - 1)::text) q
    where a.answer
    union all
    select 'list_permissions',
      format('%s:%s %s %s:%s', q.subject_type, q.subject_id, l.permission, q.resource_type, q.resource_id)
    from (select distinct subject_type, subject_id, resource_type, resource_id from questions) q
    cross join authz.list_permissions(q.subject_type, q.subject_id, q.resource_type, q.resource_id) l
    where l.permission = any ($4)
    union all
    select v.surface, format('%s:%s %s %s:%s', s.st, s.si, s.p, s.rt, v.id)
    from sights s
    cross join lateral (
      select 'filter_authorized' as surface, unnest(authz.filter_authorized(s.st, s.si, s.rt, s.p, s.ids || s.ids)) as id
      union all
      select 'visible_ids', unnest(authz.visible_ids(s.st, s.si, s.rt, s.p))
      union all
      select 'is_visible', i from unnest(s.ids) i
      where authz.is_visible((select authz.visibility(s.st, s.si, s.rt, s.p)), i)
      union all
      select 'list_resources', authz.list_resources(s.st, s.si, s.rt, s.p)
    ) v
    union all
    select 'list_resources, page by page', format('%s:%s %s %s:%s', p.st, p.si, p.p, p.rt, p.id)
    from pages p
    where p.id is not null
    union all
    select s, null
    from unnest(array[
      'check', 'check_any', 'check_all', 'check_bulk', 'list_permissions', 'filter_authorized', 'visible_ids',
      'is_visible', 'list_resources', 'list_resources, page by page'
    ]) s
  ) x
  group by surface`;
