import type { ClientBase } from "pg";
import { modulesOf, type ModuleSet } from "../module.ts";
import { readOnly, withClient, type MigrationTarget } from "./connect.ts";

/** What of a server, a connection and the schemas on it decides whether Postkit can work. */
export interface DatabaseFacts {
  readonly server: ServerFacts;
  readonly role: RoleFacts;
  /** Those of core and of the asked modules that exist. */
  readonly schemas: readonly SchemaFacts[];
  /** Modules that are installed in the database and are not among the asked ones. */
  readonly otherModules: readonly string[];
}

export interface ServerFacts {
  readonly version: string;
  /** As in `server_version_num`: 180004. */
  readonly versionNumber: number;
  readonly encoding: string;
  /** Whether it is a standby, which only reads. */
  readonly isReplica: boolean;
  /** Whether the server's process is not the one that the connection was told of: a pooler stands in between. */
  readonly isPooled: boolean;
}

/** The role of the connection. */
export interface RoleFacts {
  readonly name: string;
  readonly isSuperuser: boolean;
  readonly bypassesRls: boolean;
  readonly mayCreateSchemas: boolean;
}

/** A schema, and what the connection's role may do in it. */
export interface SchemaFacts {
  readonly name: string;
  readonly owner: string;
  /** Whether the owner is a superuser or has BYPASSRLS. */
  readonly ownerBypassesRls: boolean;
  /** Tables, views, sequences and functions in it that belong to another role than the schema. */
  readonly strayObjects: readonly StrayObject[];
  readonly isOwned: boolean;
  readonly isUsable: boolean;
  /** Names of the functions for callers that the role may execute. */
  readonly allowedFunctions: readonly string[];
  /** Names of those it may not: private functions, triggers and functions that run as their owner left out. */
  readonly deniedFunctions: readonly string[];
  /** Tables and views, partitions left out, on which the role has no privilege at all. */
  readonly deniedTables: readonly string[];
}

export interface StrayObject {
  readonly kind: "table" | "function";
  /** As in `authz.tuples` and `authz.check(text, text)`. */
  readonly name: string;
  readonly owner: string;
}

/** Reads them from the catalogs, which every role may; in a read-only transaction. */
export async function inspect(
  target: MigrationTarget,
  { modules }: { modules: ModuleSet },
): Promise<DatabaseFacts> {
  const schemas = ["postkit", ...modulesOf(modules).map(({ name }) => name)];
  return withClient(target, (client) =>
    readOnly(client, async () => {
      const { rows } = await client.query<DatabaseFacts & { backendPid: number }>(factsQuery, [
        schemas,
      ]);
      const [facts] = rows;
      if (facts === undefined) throw new Error("the catalogs gave no answer");
      const { backendPid, server, ...others } = facts;
      return { server: { ...server, isPooled: isPooled(client, backendPid) }, ...others };
    }),
  );
}

/** A pooler makes up the process id of the cancel key that it hands out. */
function isPooled(client: ClientBase, backendPid: number): boolean {
  const { processID } = client as { processID?: number | null };
  return typeof processID === "number" && processID !== backendPid;
}

const factsQuery = `
  select
    pg_catalog.pg_backend_pid() as "backendPid",
    pg_catalog.json_build_object(
      'version', pg_catalog.current_setting('server_version'),
      'versionNumber', pg_catalog.current_setting('server_version_num')::int,
      'encoding', pg_catalog.current_setting('server_encoding'),
      'isReplica', pg_catalog.pg_is_in_recovery()
    ) as server,
    pg_catalog.json_build_object(
      'name', r.rolname,
      'isSuperuser', r.rolsuper,
      'bypassesRls', r.rolbypassrls,
      'mayCreateSchemas', pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create')
    ) as role,
    coalesce((
      select pg_catalog.json_agg(pg_catalog.json_build_object(
        'name', n.nspname,
        'owner', o.rolname,
        'ownerBypassesRls', o.rolsuper or o.rolbypassrls,
        'strayObjects', s.strays,
        'isOwned', pg_catalog.pg_has_role(n.nspowner, 'usage'),
        'isUsable', pg_catalog.has_schema_privilege(n.oid, 'usage'),
        'allowedFunctions', f.allowed,
        'deniedFunctions', f.denied,
        'deniedTables', t.denied
      ) order by n.nspname)
      from pg_catalog.pg_namespace n
      join pg_catalog.pg_roles o on o.oid = n.nspowner
      cross join lateral (
        select
          coalesce(pg_catalog.array_agg(distinct p.proname::text) filter (where e.allowed), '{}') as allowed,
          coalesce(pg_catalog.array_agg(distinct p.proname::text) filter (where not e.allowed), '{}') as denied
        from pg_catalog.pg_proc p
        cross join lateral (select pg_catalog.has_function_privilege(p.oid, 'execute') as allowed) e
        where p.pronamespace = n.oid
          and p.proname !~ '^_'
          and not p.prosecdef
          and p.prorettype not in ('trigger'::pg_catalog.regtype, 'event_trigger'::pg_catalog.regtype)
      ) f
      cross join lateral (
        select coalesce(pg_catalog.array_agg(c.relname::text order by c.relname), '{}') as denied
        from pg_catalog.pg_class c
        where c.relnamespace = n.oid
          and c.relkind in ('r', 'p', 'v', 'm')
          and not c.relispartition
          and not pg_catalog.has_table_privilege(c.oid, 'select, insert, update, delete')
      ) t
      cross join lateral (
        select coalesce(
          pg_catalog.json_agg(
            pg_catalog.json_build_object('kind', x.kind, 'name', x.name, 'owner', pg_catalog.pg_get_userbyid(x.owner))
            order by x.kind desc, x.name
          ), '[]'
        ) as strays
        from (
          select 'table' as kind, pg_catalog.format('%I.%I', n.nspname, c.relname) as name, c.relowner as owner
          from pg_catalog.pg_class c
          where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
          union all
          select 'function',
            pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.oidvectortypes(p.proargtypes)), p.proowner
          from pg_catalog.pg_proc p
          where p.pronamespace = n.oid
        ) x
        where x.owner <> n.nspowner
      ) s
      where n.nspname = any ($1)
    ), '[]') as schemas,
    coalesce((
      select pg_catalog.array_agg(n.nspname::text order by n.nspname)
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace p on p.oid = c.relnamespace and p.nspname = 'postkit'
      join pg_catalog.pg_namespace n on c.relname = n.nspname || '_migrations'
      where n.nspname <> all ($1)
    ), '{}') as "otherModules"
  from pg_catalog.pg_roles r
  where r.rolname = current_user`;
