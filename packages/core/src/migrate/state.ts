import type { ClientBase } from "pg";
import { coreError } from "../errors.ts";

/** A step as the database knows it. */
export interface AppliedStep {
  readonly module: string;
  readonly name: string;
  readonly upChecksum: string;
  readonly downChecksum: string;
  readonly packageVersion: string;
  readonly appliedBy: string;
  readonly appliedAt: Date;
}

interface RecordedGrant {
  readonly roleName: string;
  readonly kind: string;
}

/** What a database holds, read without writing. */
export interface State {
  /** Version of core's own schema; undefined when there is none. */
  readonly coreVersion: number | undefined;
  /** Schemas that exist under one of the asked names, whoever made them. */
  readonly schemas: ReadonlySet<string>;
  /** Those of them that hold anything: an administrator may make an empty one for an owner who may not. */
  readonly occupied: ReadonlySet<string>;
  readonly applied: readonly AppliedStep[];
  /** Recorded grants of roles that exist and still have them. */
  readonly grants: readonly RecordedGrant[];
  /** Whether this role may change the schemas: it owns core's, or may create it. */
  readonly mayMigrate: boolean;
  /** The database's encoding, as `UTF8`. */
  readonly encoding: string;
}

/**
 * Reads what is installed; two statements, no lock, nothing written.
 *
 * @throws `core.MIG_NOT_PERMITTED` when the role may not read the bookkeeping
 * @throws `core.MIG_SCHEMA_FOREIGN` when a schema `postkit` exists that core did not make
 */
export async function readState(client: ClientBase, modules: readonly string[]): Promise<State> {
  const { rows } = await client.query<CatalogRow>(catalogQuery, [modules]);
  const [
    {
      schemas,
      occupied,
      core_schema_exists,
      core_tables,
      core_is_occupied,
      readable,
      may_migrate,
      encoding,
    } = emptyCatalog,
  ] = rows;
  const found = {
    schemas: new Set(schemas),
    occupied: new Set(occupied),
    mayMigrate: may_migrate,
    encoding,
  };
  if (!core_schema_exists) return { coreVersion: undefined, applied: [], grants: [], ...found };
  if (core_tables === 0 && !core_is_occupied)
    return { coreVersion: undefined, applied: [], grants: [], ...found };
  if (core_tables === 0) {
    throw coreError(
      "MIG_SCHEMA_FOREIGN",
      "a schema postkit exists that was not made by this library: rename it before you migrate",
      { detail: { schema: "postkit" } },
    );
  }
  if (!readable) {
    throw coreError(
      "MIG_NOT_PERMITTED",
      "this role may not read the schema postkit: give it access with `postkit grant <role>`",
    );
  }
  const { rows: recorded } = await client.query<RecordedRow>(recordedQuery);
  const [{ version, applied, grants } = emptyRecord] = recorded;
  return {
    coreVersion: version ?? undefined,
    applied: applied.map((step) => ({ ...step, appliedAt: new Date(step.appliedAt) })),
    grants,
    ...found,
  };
}

interface CatalogRow {
  schemas: string[];
  occupied: string[];
  core_is_occupied: boolean;
  core_schema_exists: boolean;
  core_tables: number;
  readable: boolean;
  may_migrate: boolean;
  encoding: string;
}

interface RecordedRow {
  version: number | null;
  applied: (Omit<AppliedStep, "appliedAt"> & { appliedAt: string })[];
  grants: RecordedGrant[];
}

const emptyCatalog: CatalogRow = {
  schemas: [],
  occupied: [],
  core_is_occupied: false,
  core_schema_exists: false,
  core_tables: 0,
  readable: false,
  may_migrate: false,
  encoding: "",
};
const emptyRecord: RecordedRow = { version: null, applied: [], grants: [] };

function occupied(oid: string): string {
  return `(
    exists (select from pg_catalog.pg_class c where c.relnamespace = ${oid})
    or exists (select from pg_catalog.pg_proc f where f.pronamespace = ${oid})
    or exists (select from pg_catalog.pg_type t where t.typnamespace = ${oid})
  )`;
}

/** From the catalogs alone, which every role may read. */
const catalogQuery = `
  select
    (select coalesce(array_agg(n.nspname::text), '{}') from pg_catalog.pg_namespace n where n.nspname = any ($1)) as schemas,
    (select coalesce(array_agg(n.nspname::text), '{}') from pg_catalog.pg_namespace n
     where n.nspname = any ($1) and ${occupied("n.oid")}) as occupied,
    p.oid is not null as core_schema_exists,
    ${occupied("p.oid")} as core_is_occupied,
    (select count(*)::int from pg_catalog.pg_class c
     where c.relnamespace = p.oid and c.relname in ('core_schema', 'migration_log')) as core_tables,
    coalesce(pg_catalog.has_schema_privilege(p.oid, 'usage'), false)
      and not exists (
        select from pg_catalog.pg_class c
        where c.relnamespace = p.oid and c.relname in ('core_schema', 'applied_steps', 'grants')
          and not pg_catalog.has_table_privilege(c.oid, 'select')
      ) as readable,
    case
      when p.oid is null then pg_catalog.has_database_privilege(current_database(), 'create')
      else pg_catalog.pg_has_role(p.nspowner, 'usage')
    end as may_migrate,
    pg_catalog.current_setting('server_encoding') as encoding
  from (select 1) one
  left join pg_catalog.pg_namespace p on p.nspname = 'postkit'`;

const recordedQuery = `
  select
    (select c.version from postkit.core_schema c) as version,
    (select coalesce(json_agg(json_build_object(
        'module', s.module, 'name', s.name, 'upChecksum', s.up_checksum, 'downChecksum', s.down_checksum,
        'packageVersion', s.package_version, 'appliedBy', s.applied_by, 'appliedAt', s.applied_at
      ) order by s.module, s.name), '[]') from postkit.applied_steps s) as applied,
    (select coalesce(json_agg(json_build_object('roleName', g.role_name, 'kind', g.kind)), '[]')
     from postkit.grants g
     join pg_catalog.pg_roles r on r.rolname = g.role_name
     where pg_catalog.has_schema_privilege(r.oid, 'postkit', 'usage')) as grants`;
