import { modulesOf, type ModuleSet } from "../module.ts";
import { coreSchemaSql } from "../schema.gen.ts";
import { fileOf, stepsOf, type Step } from "./history.ts";
import { coreSchemaVersion } from "./version.ts";

/**
 * An install script for psql: every step of the modules with its bookkeeping, in one transaction, so that `status`
 * afterwards says up to date.
 */
export function installScript(set: ModuleSet): string {
  const modules = modulesOf(set);
  const names = modules.map(({ name }) => name);
  return [
    `-- Installs ${names.join(", ")} into an empty database: psql -f this file. Upgrades go through postkit migrate up.`,
    "\\set ON_ERROR_STOP on",
    "set client_encoding = 'UTF8';",
    "begin;",
    "set local search_path = pg_catalog, pg_temp;",
    refuseInstalled(names),
    coreSchemaSql,
    `insert into postkit.core_schema (version) values (${coreSchemaVersion})`,
    "  on conflict (only_row) do update set version = excluded.version, updated_at = now();",
    ...modules.flatMap((module) => stepsOf(module).map(stepScript)),
    "select postkit.reapply_grants();",
    "commit;",
    "",
  ].join("\n");
}

function refuseInstalled(names: readonly string[]): string {
  return `do $install$
declare
  v_schema text;
  v_version int;
begin
  select n.nspname into v_schema from pg_namespace n where n.nspname in (${names.map(quote).join(", ")}) limit 1;
  if found then
    raise exception 'schema % exists already: this script installs into an empty database', v_schema
      using errcode = '42P06', hint = 'postkit:core:MIG_SCHEMA_FOREIGN';
  end if;
  if to_regnamespace('postkit') is null then
    return;
  end if;
  if to_regclass('postkit.core_schema') is null then
    raise exception 'schema postkit exists, and was not made by this library: rename it first'
      using errcode = '42P06', hint = 'postkit:core:MIG_SCHEMA_FOREIGN';
  end if;
  select c.version into v_version from postkit.core_schema c;
  if v_version > ${coreSchemaVersion} then
    raise exception 'schema postkit has version %, newer than this script''s ${coreSchemaVersion}', v_version
      using errcode = '55000', hint = 'postkit:core:MIG_AHEAD';
  end if;
end
$install$;
`;
}

function stepScript(step: Step): string {
  const { module, name, up, upChecksum, downChecksum, packageVersion } = step;
  const logged = [module, name, "up", upChecksum, downChecksum, packageVersion]
    .map(quote)
    .join(", ");
  return [
    `-- ${fileOf(step, "up")}`,
    up.trimEnd(),
    `select postkit.ensure_bookkeeping(${quote(module)});`,
    `insert into postkit.${module}_migrations (name, run_on) values (${quote(name)}, now());`,
    "insert into postkit.migration_log (module, name, direction, up_checksum, down_checksum, package_version, duration_ms)",
    `  values (${logged}, 0);`,
    "",
  ].join("\n");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
