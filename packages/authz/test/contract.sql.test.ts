import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/**
 * The published functions: parameters with types and defaults in order, then what comes back, then volatility and
 * parallel safety. NS is the tenant of the transaction, else "default".
 */
const published: Readonly<
  Record<string, readonly [parameters: string, returns: string, kind: string]>
> = {
  write_tuple: [
    "p_resource_type text, p_resource_id text, p_relation text, p_subject_type text, p_subject_id text, " +
      "p_subject_relation text = NULL, p_namespace text = NS, p_expires_at timestamp with time zone = NULL",
    "bigint",
    "volatile unsafe",
  ],
  write: [
    "p_resource_type text, p_resource_id text, p_relation text, p_subject_type text, p_subject_id text, " +
      "p_namespace text = NS, p_expires_at timestamp with time zone = NULL",
    "bigint",
    "volatile unsafe",
  ],
  delete_tuple: [
    "p_resource_type text, p_resource_id text, p_relation text, p_subject_type text, p_subject_id text, " +
      "p_subject_relation text = NULL, p_namespace text = NS",
    "boolean",
    "volatile unsafe",
  ],
  delete: [
    "p_resource_type text, p_resource_id text, p_relation text, p_subject_type text, p_subject_id text, " +
      "p_namespace text = NS",
    "boolean",
    "volatile unsafe",
  ],
  write_tuples_bulk: [
    "p_resource_type text, p_resource_id text, p_relation text, p_subject_type text, " +
      "p_subject_ids text[], p_namespace text = NS",
    "integer",
    "volatile unsafe",
  ],
  grant_to_resources_bulk: [
    "p_resource_type text, p_resource_ids text[], p_relation text, p_subject_type text, " +
      "p_subject_id text, p_subject_relation text = NULL, p_namespace text = NS",
    "integer",
    "volatile unsafe",
  ],
  grant_to_subjects_bulk: [
    "p_resource_type text, p_resource_id text, p_relation text, p_subject_types text[], " +
      "p_subject_ids text[], p_subject_relations text[] = NULL, p_namespace text = NS",
    "integer",
    "volatile unsafe",
  ],
  transfer_tuple: [
    "p_resource_type text, p_resource_id text, p_relation text, p_from_subject_type text, " +
      "p_from_subject_id text, p_to_subject_type text, p_to_subject_id text, " +
      "p_namespace text = NS",
    "boolean",
    "volatile unsafe",
  ],
  revoke_subject_grants: [
    "p_subject_type text, p_subject_id text, p_namespace text = NS, " +
      "p_resource_type text = NULL",
    "integer",
    "volatile unsafe",
  ],
  revoke_resource_grants: [
    "p_resource_type text, p_resource_id text, p_namespace text = NS, " + "p_relation text = NULL",
    "integer",
    "volatile unsafe",
  ],
  sync_grants: [
    "p_resource_type text, p_resource_id text, p_desired jsonb, p_namespace text = NS",
    "TABLE(change text, relation text, subject_type text, subject_id text, subject_relation text, expires_at timestamp with time zone)",
    "volatile unsafe",
  ],
  set_expiration: [
    "p_resource_type text, p_resource_id text, p_relation text, p_subject_type text, " +
      "p_subject_id text, p_expires_at timestamp with time zone, p_namespace text = NS, " +
      "p_subject_relation text = NULL",
    "boolean",
    "volatile unsafe",
  ],
  clear_expiration: [
    "p_resource_type text, p_resource_id text, p_relation text, p_subject_type text, " +
      "p_subject_id text, p_namespace text = NS, p_subject_relation text = NULL",
    "boolean",
    "volatile unsafe",
  ],
  extend_expiration: [
    "p_resource_type text, p_resource_id text, p_relation text, p_subject_type text, " +
      "p_subject_id text, p_extension interval, p_namespace text = NS, " +
      "p_subject_relation text = NULL",
    "timestamp with time zone",
    "volatile unsafe",
  ],
  list_expiring: [
    "p_within interval = '7 days'::interval, p_namespace text = NS",
    "TABLE(resource_type text, resource_id text, relation text, subject_type text, subject_id text, subject_relation text, expires_at timestamp with time zone)",
    "stable safe",
  ],
  cleanup_expired: ["p_namespace text = NS", "TABLE(tuples_deleted bigint)", "volatile unsafe"],
  check: [
    "p_subject_type text, p_subject_id text, p_permission text, p_resource_type text, p_resource_id text, " +
      "p_namespace text = NS",
    "boolean",
    "stable safe",
  ],
  check_any: [
    "p_subject_type text, p_subject_id text, p_permissions text[], p_resource_type text, p_resource_id text, " +
      "p_namespace text = NS",
    "boolean",
    "stable safe",
  ],
  check_all: [
    "p_subject_type text, p_subject_id text, p_permissions text[], p_resource_type text, p_resource_id text, " +
      "p_namespace text = NS",
    "boolean",
    "stable safe",
  ],
  check_bulk: ["p_checks jsonb, p_namespace text = NS", "boolean[]", "stable safe"],
  filter_authorized: [
    "p_subject_type text, p_subject_id text, p_resource_type text, p_permission text, p_resource_ids text[], " +
      "p_namespace text = NS",
    "text[]",
    "stable safe",
  ],
  list_permissions: [
    "p_subject_type text, p_subject_id text, p_resource_type text, p_resource_id text, p_namespace text = NS",
    "TABLE(permission text)",
    "stable safe",
  ],
  list_resources: [
    "p_subject_type text, p_subject_id text, p_resource_type text, p_permission text, p_namespace text = NS, " +
      "p_limit integer = 100, p_cursor text = NULL",
    "TABLE(resource_id text)",
    "stable safe",
  ],
  visible_ids: [
    "p_subject_type text, p_subject_id text, p_resource_type text, p_permission text, p_namespace text = NS",
    "text[]",
    "stable safe",
  ],
  visibility: [
    "p_subject_type text, p_subject_id text, p_resource_type text, p_permission text, p_namespace text = NS",
    "authz.scope",
    "stable safe",
  ],
  list_subjects: [
    "p_resource_type text, p_resource_id text, p_permission text, p_namespace text = NS, p_limit integer = 100, " +
      "p_subject_type text = NULL, p_cursor_type text = NULL, p_cursor_id text = NULL",
    "TABLE(subject_type text, subject_id text)",
    "stable safe",
  ],
  count_subjects: [
    "p_resource_type text, p_resource_id text, p_permission text, p_namespace text = NS, p_subject_type text = NULL",
    "bigint",
    "stable safe",
  ],
  is_visible: ["p_visibility authz.scope, p_resource_id text", "boolean", "stable safe"],
  set_hierarchy: [
    "p_resource_type text, p_permissions text[], p_namespace text = NS",
    "integer",
    "volatile unsafe",
  ],
  explain: [
    "p_subject_type text, p_subject_id text, p_permission text, p_resource_type text, p_resource_id text, " +
      "p_namespace text = NS, p_max_depth integer = NULL",
    "SETOF authz.permission_path",
    "stable safe",
  ],
  explain_text: [
    "p_subject_type text, p_subject_id text, p_permission text, p_resource_type text, p_resource_id text, " +
      "p_namespace text = NS",
    "SETOF text",
    "stable safe",
  ],
  explain_json: [
    "p_subject_type text, p_subject_id text, p_permission text, p_resource_type text, p_resource_id text, " +
      "p_namespace text = NS",
    "jsonb",
    "stable safe",
  ],
  add_hierarchy: [
    "p_resource_type text, p_permission text, p_implies text, p_namespace text = NS",
    "bigint",
    "volatile unsafe",
  ],
  remove_hierarchy: [
    "p_resource_type text, p_permission text, p_implies text, p_namespace text = NS",
    "boolean",
    "volatile unsafe",
  ],
  clear_hierarchy: ["p_resource_type text, p_namespace text = NS", "integer", "volatile unsafe"],
  get_audit_events: [
    "p_limit integer = 100, p_cursor text = NULL, p_event_type text = NULL, p_actor_id text = NULL, " +
      "p_resource_type text = NULL, p_resource_id text = NULL, p_subject_type text = NULL, p_subject_id text = NULL, " +
      "p_namespace text = NS",
    "TABLE(id bigint, event_id uuid, event_type text, event_time timestamp with time zone, actor_id text, " +
      "request_id text, reason text, on_behalf_of text, session_user_name text, current_user_name text, " +
      "client_addr text, application_name text, resource_type text, resource_id text, relation text, " +
      "subject_type text, subject_id text, subject_relation text, tuple_id bigint, " +
      "expires_at timestamp with time zone, cursor text)",
    "stable unsafe",
  ],
  create_audit_partition: ["p_year integer, p_month integer", "text", "volatile unsafe"],
  ensure_audit_partitions: ["p_months_ahead integer = 3", "SETOF text", "volatile unsafe"],
  drop_audit_partitions: ["p_older_than_months integer = 84", "SETOF text", "volatile unsafe"],
  verify_integrity: [
    "p_namespace text = NS",
    "TABLE(resource_type text, resource_id text, status text, details text)",
    "stable unsafe",
  ],
  rebuild_graph: ["p_namespace text = NS", "void", "volatile unsafe"],
  get_stats: [
    "p_namespace text = NS",
    "TABLE(tuple_count bigint, hierarchy_rule_count bigint, unique_users bigint, unique_resources bigint)",
    "stable unsafe",
  ],
  list_subject_grants: [
    "p_subject_type text, p_subject_id text, p_namespace text = NS, p_resource_type text = NULL, " +
      "p_limit integer = NULL, p_cursor_resource_type text = NULL, p_cursor_resource_id text = NULL, " +
      "p_cursor_relation text = NULL, p_cursor_subject_relation text = NULL",
    "TABLE(resource_type text, resource_id text, relation text, subject_relation text, " +
      "expires_at timestamp with time zone)",
    "stable safe",
  ],
  list_resource_grants: [
    "p_resource_type text, p_resource_id text, p_namespace text = NS, p_limit integer = NULL, " +
      "p_cursor_subject_type text = NULL, p_cursor_subject_id text = NULL, p_cursor_relation text = NULL, " +
      "p_cursor_subject_relation text = NULL",
    "TABLE(subject_type text, subject_id text, relation text, subject_relation text, " +
      "expires_at timestamp with time zone)",
    "stable safe",
  ],
  list_external_resources: [
    "p_subject_type text, p_subject_id text, p_resource_type text, p_permission text, p_namespace text = NS, " +
      "p_limit integer = 100, p_cursor text = NULL",
    "TABLE(namespace text, resource_id text, relation text, created_at timestamp with time zone, " +
      "expires_at timestamp with time zone, cursor text)",
    "stable unsafe",
  ],
  leave_external_resource: [
    "p_resource_type text, p_resource_id text, p_relation text, p_subject_type text, p_subject_id text, " +
      "p_owner_namespace text, p_namespace text = NS",
    "boolean",
    "volatile unsafe",
  ],
  set_viewer: ["p_viewer_type text, p_viewer_id text", "void", "volatile unsafe"],
  clear_viewer: ["", "void", "volatile unsafe"],
  set_tenant: ["p_tenant_id text", "void", "volatile unsafe"],
  clear_tenant: ["", "void", "volatile unsafe"],
  set_actor: [
    "p_actor_id text, p_request_id text = NULL, p_reason text = NULL, p_on_behalf_of text = NULL",
    "void",
    "volatile unsafe",
  ],
  clear_actor: ["", "void", "volatile unsafe"],
  assert_rls_active: ["", "void", "stable unsafe"],
};

interface FunctionRow {
  name: string;
  parameters: string;
  returns: string;
  kind: string;
}

let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

describe("the functions of schema authz", () => {
  let functions: FunctionRow[];

  beforeAll(async () => {
    const { rows } = await db.super.query<FunctionRow>(
      `select p.proname::text as name,
         pg_get_function_arguments(p.oid) as parameters,
         pg_get_function_result(p.oid) as returns,
         case p.provolatile when 'v' then 'volatile' when 's' then 'stable' else 'immutable' end
           || case p.proparallel when 's' then ' safe' else ' unsafe' end as kind
       from pg_proc p
       where p.pronamespace = 'authz'::regnamespace and not starts_with(p.proname, '_')`,
    );
    functions = rows.map((row) => ({ ...row, parameters: readable(row.parameters) }));
  });

  it("are the published ones and no other", () => {
    expect(functions.map(({ name }) => name).sort()).toEqual(Object.keys(published).sort());
  });

  it.each(Object.keys(published))("%s takes and returns what is published", (name) => {
    const { parameters, returns, kind } = functions.find((row) => row.name === name) ?? {};
    expect([parameters, returns, kind]).toEqual(published[name]);
  });

  it("run as their caller, but for the triggers, maintenance and the list over tenants", async () => {
    const { rows } = await db.super.query<{ name: string; returns: string }>(
      `select p.proname::text as name, p.prorettype::regtype::text as returns
       from pg_proc p
       where p.pronamespace = 'authz'::regnamespace and p.prosecdef
       order by 1`,
    );
    expect(rows).toEqual([
      { name: "_audit_default_has_rows", returns: "boolean" },
      { name: "_audit_hierarchy", returns: "trigger" },
      { name: "_audit_tuple", returns: "trigger" },
      { name: "create_audit_partition", returns: "text" },
      { name: "drop_audit_partitions", returns: "text" },
      { name: "ensure_audit_partitions", returns: "text" },
      { name: "list_external_resources", returns: "record" },
    ]);
  });

  it("pin their search_path, with pg_temp last", async () => {
    const { rows } = await db.super.query<{ name: string; settings: string[] | null }>(
      `select p.proname::text as name, p.proconfig as settings
       from pg_proc p
       where p.pronamespace = 'authz'::regnamespace`,
    );
    const open = rows.filter(({ name, settings }) => {
      const path = name === "_grant" ? "pg_catalog" : "authz";
      return !settings?.includes(`search_path=${path}, pg_temp`);
    });
    expect(open).toEqual([]);
  });

  it("are not one overloaded, so that named and positional calls mean one function", async () => {
    const { rows } = await db.super.query(
      "select proname from pg_proc where pronamespace = 'authz'::regnamespace group by 1 having count(*) > 1",
    );
    expect(rows).toEqual([]);
  });
});

describe("type authz.permission_path", () => {
  it("has the published columns", async () => {
    const { rows } = await db.super.query<{ columns: string }>(
      `select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum) as columns
       from pg_attribute a
       where a.attrelid = 'authz.permission_path'::regclass`,
    );
    expect(rows).toEqual([
      {
        columns:
          "path_type text, via_relation text, via_subject_type text, via_subject_id text, via_membership text, " +
          "path_chain text[]",
      },
    ]);
  });
});

describe("PUBLIC", () => {
  it("has nothing in schema authz: no usage, no table, no sequence, no function", async () => {
    const { rows } = await db.super.query(
      `select object, privilege_type
       from (
         select n.nspname::text as object, coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl
         from pg_namespace n
         where n.nspname = 'authz'
         union all
         select p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner))
         from pg_proc p
         where p.pronamespace = 'authz'::regnamespace
         union all
         select c.oid::regclass::text, coalesce(c.relacl, acldefault('r', c.relowner))
         from pg_class c
         where c.relnamespace = 'authz'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
       ) o, aclexplode(o.acl) a
       where a.grantee = 0`,
    );
    expect(rows).toEqual([]);
  });
});

/** What only a role may call that was given maintenance. */
const forMaintenance = [
  "create_audit_partition",
  "drop_audit_partitions",
  "ensure_audit_partitions",
];

describe("the application role", () => {
  it("may call every published function but those of maintenance", async () => {
    const { rows } = await db.super.query(
      `select p.proname
       from pg_proc p
       where p.pronamespace = 'authz'::regnamespace
         and not starts_with(p.proname, '_')
         and not has_function_privilege($1, p.oid, 'execute')
       order by 1`,
      [db.appRole],
    );
    expect(rows).toEqual(forMaintenance.map((proname) => ({ proname })));
  });

  it("may not call what grants rights or records audit", async () => {
    const { rows } = await db.super.query<{ name: string }>(
      `select p.proname::text as name
       from pg_proc p
       where p.pronamespace = 'authz'::regnamespace and not has_function_privilege($1, p.oid, 'execute')
       order by 1`,
      [db.appRole],
    );
    expect(rows.map(({ name }) => name)).toEqual([
      "_attach_audit_partition",
      "_audit_hierarchy",
      "_audit_tuple",
      "_grant",
      "_record_audit_event",
      "_register_types",
      ...forMaintenance,
    ]);
  });

  it("has only those rights on tables that the functions use", async () => {
    const { rows } = await db.super.query<{ table: string; privileges: string[] }>(
      `select c.relname::text as table, array_agg(a.privilege_type order by a.privilege_type) as privileges
       from pg_class c, aclexplode(c.relacl) a
       where c.relnamespace = 'authz'::regnamespace and a.grantee = $1::regrole
       group by 1
       order by 1`,
      [db.appRole],
    );
    expect(rows).toEqual([
      { table: "audit_events", privileges: ["SELECT"] },
      { table: "graph_state", privileges: ["INSERT", "SELECT"] },
      { table: "permission_hierarchy", privileges: ["DELETE", "INSERT", "SELECT"] },
      { table: "tuples", privileges: ["DELETE", "SELECT"] },
      { table: "type_edges", privileges: ["INSERT", "SELECT"] },
    ]);
  });

  it("may write the keys and the end of a grant, update its end and what is known of the graph, and no other column", async () => {
    const { rows } = await db.super.query<{ column: string; privilege: string }>(
      `select concat_ws('.', c.relname, t.attname) as column, a.privilege_type as privilege
       from pg_attribute t
       join pg_class c on c.oid = t.attrelid and c.relnamespace = 'authz'::regnamespace, aclexplode(t.attacl) a
       where a.grantee = $1::regrole
       order by 1, 2`,
      [db.appRole],
    );
    expect(rows).toEqual([
      { column: "graph_state.group_types", privilege: "UPDATE" },
      { column: "graph_state.version", privilege: "UPDATE" },
      ...[
        "expires_at",
        "namespace",
        "relation",
        "resource_id",
        "resource_id_raw",
        "resource_type",
        "subject_id",
        "subject_id_raw",
        "subject_relation",
        "subject_type",
      ].flatMap((column) => [
        { column: `tuples.${column}`, privilege: "INSERT" },
        ...(column === "expires_at" ? [{ column: "tuples.expires_at", privilege: "UPDATE" }] : []),
      ]),
      { column: "type_edges.is_cyclic", privilege: "UPDATE" },
    ]);
  });
});

describe("row level security", () => {
  it("is enabled and forced on every table and partition", async () => {
    const { rows } = await db.super.query(
      `select c.relname
       from pg_class c
       where c.relnamespace = 'authz'::regnamespace
         and c.relkind in ('r', 'p')
         and not (c.relrowsecurity and c.relforcerowsecurity)`,
    );
    expect(rows).toEqual([]);
  });

  it("has a plain predicate in every policy, without a sub-select", async () => {
    const { rows } = await db.super.query(
      `select policyname from pg_policies where schemaname = 'authz' and concat(qual, with_check) ilike '%select%'`,
    );
    expect(rows).toEqual([]);
  });

  it("leads every primary and unique key with the namespace", async () => {
    const { rows } = await db.super.query(
      `select i.indexrelid::regclass::text as index
       from pg_index i
       join pg_class c on c.oid = i.indrelid and c.relnamespace = 'authz'::regnamespace and c.relkind in ('r', 'p')
       left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
       where i.indisunique and a.attname is distinct from 'namespace'`,
    );
    expect(rows).toEqual([]);
  });
});

function readable(parameters: string): string {
  return parameters
    .replaceAll(
      "COALESCE(NULLIF(current_setting('postkit.tenant_id'::text, true), ''::text), 'default'::text)",
      "NS",
    )
    .replaceAll(/NULL::[a-z ]+(\[\])?/g, "NULL")
    .replaceAll(" DEFAULT ", " = ");
}
