import { authz } from "@postkit/authz";
import type { Bench } from "@postkit/bench";
import { createPostkit, migrate } from "@postkit/core";
import pg from "pg";
import { loadSaas } from "./support/saas.ts";

const clients = 2;

/** The shapes that authz has targets for, on prepared statements, as the application role with row level security. */
export const bench: Bench = {
  name: "authz, against one probe of the unique index",
  clients,
  async prepare(database, { scale }) {
    await migrate(database.owner, { modules: [authz], grantTo: [database.appRole] });
    const { users, docs } = await loadSaas(database, scale);
    await makeTable(database.super, database.appRole);
    const [pool, flatPool] = ["acme", "flat"].map(
      (tenant) =>
        new pg.Pool({
          connectionString: database.appUrl,
          max: clients,
          options: `-c postkit.tenant_id=${tenant}`,
        }),
    ) as [pg.Pool, pg.Pool];
    const postkit = createPostkit({ db: pool, namespace: "acme", modules: { authz } });
    const call =
      (name: string, text: string, values: readonly (() => unknown)[], on = pool) =>
      () =>
        on.query({ name, text, values: values.map((value) => value()) });

    const user = () => `u${1 + random(users)}`;
    const doc = () => `d${1 + random(docs)}`;
    const is = (value: string) => () => value;
    const check = (subject: () => string, resource: () => string, on = pool) =>
      call("check", "select authz.check('user', $1, 'viewer', 'doc', $2)", [subject, resource], on);
    const page = (name: string, subject: string, mode: "set" | "probe") => {
      const { text, values } = postkit.authz
        .sqlFilter({
          subject,
          permission: "viewer",
          type: "row",
          column: "r.id",
          columnType: "bigint",
          mode,
        })
        .toPg();
      return () =>
        pool.query({
          name,
          text: `select r.id from app_rows r where ${text} order by r.created_at desc limit 20`,
          values,
        });
    };
    const parent = (move: "write" | "delete", folder: string) =>
      `select authz.${move}('folder', 'moved', 'parent', 'folder', '${folder}')`;
    let place = 40;

    const baseline = "probe";
    const shapes = [
      {
        name: baseline,
        run: call(
          "probe",
          `select exists (
             select from authz.tuples t
             where t.namespace = 'acme' and t.resource_type = 'doc' and t.resource_id = $2
               and t.subject_type = 'user' and t.subject_id = $1 and t.relation = 'viewer'
               and coalesce(t.subject_relation, '') = '')`,
          [user, doc],
        ),
      },
      {
        name: "check, direct grant, yes",
        ratioMax: 1.5,
        run: check(() => `h${1 + random(100_000)}`, is("hot")),
      },
      {
        name: "check, random pairs, groups 3 and folders 4 deep",
        ratioMax: 3.5,
        run: check(user, doc, flatPool),
      },
      { name: "check, random pairs, groups 6 and folders 9 deep", run: check(user, doc) },
      {
        name: "check, 40 groups and 40 folders deep, no",
        ratioMax: 6,
        run: check(is("deep"), is("deep")),
      },
      { name: "check, hot resource, no", ratioMax: 8, run: check(user, is("hot")) },
      {
        name: "filter_authorized, 100 ids",
        ratioMax: 25,
        run: call("filter", "select authz.filter_authorized('user', $1, 'doc', 'viewer', $2)", [
          user,
          () => Array.from({ length: 100 }, doc),
        ]),
      },
      {
        name: "list_resources, 100 of 3,000",
        ratioMax: 60,
        run: call(
          "list",
          "select authz.list_resources('user', 'lister', 'doc', 'viewer', p_cursor => $1)",
          [() => `l${random(3_000)}`],
        ),
      },
      {
        name: "list_subjects, 100 of 102,000",
        run: call(
          "subjects",
          "select authz.list_subjects('doc', 'hot', 'viewer', p_cursor_type => 'user', p_cursor_id => $1)",
          [() => `h${1 + random(100_000)}`],
        ),
      },
      {
        name: "check through the client, direct grant",
        run: () => postkit.authz.check(`user:h${1 + random(100_000)}`, "viewer", "doc:hot"),
      },
      {
        name: "page of 300,000 rows, 1 % visible, set",
        maxMs: 10,
        clients: 1,
        run: page("page of few", "user:few", "set"),
      },
      {
        name: "page of 300,000 rows, 90 % visible, probe",
        maxMs: 2,
        clients: 1,
        run: page("page of most", "user:most", "probe"),
      },
      {
        name: "move a folder with 10,000 descendants",
        maxMs: 300,
        clients: 1,
        run: async () => {
          const client = await pool.connect();
          try {
            await client.query("begin");
            await client.query(parent("delete", `f${place}`));
            place = 40 + random(1_000);
            await client.query(parent("write", `f${place}`));
            await client.query("commit");
          } finally {
            client.release();
          }
        },
      },
      {
        name: "grant to a user, new",
        run: call("grant", "select authz.write('doc', $1, 'viewer', 'user', $2)", [
          doc,
          () => `new ${random(1e9)}`,
        ]),
      },
    ];
    return {
      shapes: shapes.map((shape) => (shape.name === baseline ? shape : { ...shape, baseline })),
      close: async () => {
        await postkit.close();
        await pool.end();
        await flatPool.end();
      },
    };
  },
};

/** A table of the application with 300,000 rows: `user:few` sees 1 % of them, `user:most` 90 %. */
async function makeTable(pool: pg.Pool, appRole: string): Promise<void> {
  await pool.query(`
    create table app_rows (id bigint primary key, created_at timestamptz not null);
    insert into app_rows select i, '2026-01-01'::timestamptz + i * interval '1 minute' from generate_series(1, 300000) i;
    create index on app_rows (created_at);
    grant select on app_rows to ${appRole};
    insert into authz.type_edges values ('acme', 'row', 'folder', false);
    set session_replication_role = replica;
    insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
    select 'acme', 'row', i::text, 'parent', 'folder', case when i % 10 = 0 then 'closed' else 'open' || i % 30 end
    from generate_series(1, 300000) i
    union all
    select 'acme', 'row', (i * 100)::text, 'viewer', 'user', 'few' from generate_series(1, 3000) i
    union all
    select 'acme', 'folder', 'open' || i, 'parent', 'folder', 'root' from generate_series(0, 29) i
    union all
    select 'acme', 'folder', 'root', 'viewer', 'user', 'most';
    reset session_replication_role`);
  await pool.query("vacuum analyze app_rows");
  await pool.query("vacuum analyze authz.tuples");
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}
