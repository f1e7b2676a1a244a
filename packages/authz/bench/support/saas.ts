import type { TestDatabase } from "@postkit/testkit";

/** Who is in which group, which folder is in which, and who may see what, as a company of some size has it. */
export interface SaasData {
  readonly users: number;
  readonly docs: number;
}

/**
 * Loads it: users in 4 of 5,000 groups nested 6 deep, 20,000 folders 9 deep with 300,000 documents, direct grants and
 * grants to groups on both; the same once more as tenant "flat", with groups 3 and folders 4 deep; a chain of 40 groups and one of 40 folders; a document with 100,000 users and 2,000 groups;
 * a user who sees 3,000 documents, a folder with 10,000 others in it. A scale of 1 makes 2.2 million tuples.
 */
export async function loadSaas(database: TestDatabase, scale: number): Promise<SaasData> {
  const data = { users: 60_000 * scale, docs: 300_000 * scale };
  const statements = [
    // The audit of all this is not looked at; what is known of types is written by hand for the same reason.
    "set session_replication_role = replica",
    `insert into authz.graph_state (namespace, group_types) values ('acme', '{team}'), ('flat', '{team}')`,
    `insert into authz.type_edges (namespace, child_type, parent_type, is_cyclic)
     select n, t, 'folder', t = 'folder' from unnest(array['acme', 'flat']) n, unnest(array['doc', 'folder']) t`,
    `insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
     select n, t, p, i
     from unnest(array['acme', 'flat']) n, unnest(array['doc', 'folder']) t, (values ('owner', 'editor'), ('editor', 'viewer')) r (p, i)`,
    tuples("acme", company({ groupFanOut: 4, folderFanOut: 3 })),
    tuples("flat", company({ groupFanOut: 18, folderFanOut: 12 })),
    tuples(
      "acme",
      `
      select 'team', 'c' || g + 1, 'member', 'team', 'c' || g, 'member' from generate_series(1, 39) g
      union all
      select 'team', 'c1', 'member', 'user', 'deep', null
      union all
      select 'folder', 'cf' || f, 'parent', 'folder', 'cf' || f + 1, null from generate_series(1, 39) f
      union all
      select 'doc', 'deep', 'parent', 'folder', 'cf1', null
      union all
      select 'doc', 'hot', 'viewer', 'user', 'h' || u, null from generate_series(1, 100000) u
      union all
      select 'doc', 'hot', 'viewer', 'team', 'g' || 2999 + g, 'member' from generate_series(1, 2000) g
      union all
      select 'folder', 'lf' || f, 'parent', 'folder', 'lf' || f / 10, null from generate_series(10, 99) f
      union all
      select 'doc', 'l' || d, 'parent', 'folder', 'lf' || d % 100, null from generate_series(1, 3000) d
      union all
      select 'folder', 'lf' || f, 'viewer', 'user', 'lister', null from generate_series(0, 9) f
      union all
      select 'folder', 'm' || f, 'parent', 'folder', 'm' || f / 10, null from generate_series(10, 999) f
      union all
      select 'folder', 'm' || f, 'parent', 'folder', 'moved', null from generate_series(1, 9) f
      union all
      select 'doc', 'm' || d, 'parent', 'folder', 'm' || d % 999 + 1, null from generate_series(1, 9000) d
      union all
      select 'folder', 'moved', 'parent', 'folder', 'f40', null`,
    ),
  ];
  const root = await database.super.connect();
  try {
    for (const statement of statements) await root.query(statement.replaceAll("$1", String(scale)));
    await root.query("vacuum (analyze, freeze) authz.tuples");
    await root.query("analyze authz.type_edges, authz.graph_state, authz.permission_hierarchy");
    await root.query("checkpoint");
  } finally {
    root.release(true);
  }
  return data;
}

const permission = `(array['viewer', 'editor', 'owner'])[1 + ${hash("g")} % 3]`;

/** A number that looks random and is the same in every run. */
function hash(expression: string): string {
  return `abs(hashint8((${expression})::bigint)::bigint)`;
}

function company({
  groupFanOut,
  folderFanOut,
}: {
  groupFanOut: number;
  folderFanOut: number;
}): string {
  return `
      select distinct 'team', 'g' || ${hash("u * 4 + k")} % (5000 * $1), 'member', 'user', 'u' || u, null
      from generate_series(1, 60000 * $1) u, generate_series(0, 3) k
      union all
      select 'team', 'g' || (g - 1) / ${groupFanOut}, 'member', 'team', 'g' || g, 'member' from generate_series(1, 5000 * $1 - 1) g
      union all
      select 'folder', 'f' || f, 'parent', 'folder', 'f' || (f - 1) / ${folderFanOut}, null from generate_series(1, 20000 * $1 - 1) f
      union all
      select 'doc', 'd' || d, 'parent', 'folder', 'f' || ${hash("d")} % (20000 * $1), null
      from generate_series(1, 300000 * $1) d
      union all
      select distinct 'doc', 'd' || ${hash("g * 7 + 1")} % (300000 * $1) + 1, ${permission}, 'user',
        'u' || ${hash("g * 11 + 5")} % (60000 * $1) + 1, null
      from generate_series(1, 360000 * $1) g
      union all
      select distinct 'folder', 'f' || 40 + ${hash("g * 13 + 1")} % (20000 * $1 - 40), ${permission}, 'team',
        'g' || ${hash("g * 17 + 5")} % (5000 * $1), 'member'
      from generate_series(1, 20000 * $1) g
      union all
      select distinct 'doc', 'd' || ${hash("g * 19 + 1")} % (300000 * $1) + 1, ${permission}, 'team',
        'g' || ${hash("g * 23 + 5")} % (5000 * $1), 'member'
      from generate_series(1, 50000 * $1) g`;
}

function tuples(namespace: string, rows: string): string {
  return `
    insert into authz.tuples
      (namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation)
    select '${namespace}', rt, ri, r, st, si, sr
    from (${rows}) t (rt, ri, r, st, si, sr)`;
}
