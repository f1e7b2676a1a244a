import { authz } from "@postkit/authz";
import { migrate, type PostkitModule } from "@postkit/core";
import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase, withClient } from "@postkit/testkit";

import type { InstalledCommand, Outcome, Project } from "./command.ts";
import { type FixtureModule, installFixture, ledger, moduleOf } from "./fixture-module.ts";

/** A project with modules and a database of its own that belongs to the owner role. */
export interface Setting extends AsyncDisposable {
  readonly project: Project;
  readonly db: TestDatabase;
  /** Runs the command on that database, as the owner. */
  postkit(...args: string[]): Promise<Outcome>;
  /** Runs it as the application's role. */
  postkitAsApp(...args: string[]): Promise<Outcome>;
  postkitAsSuperuser(...args: string[]): Promise<Outcome>;
}

export interface SettingOptions {
  /** Whether all steps are applied already. @defaultValue false: the database is empty */
  isMigrated?: boolean;
}

/** With the ledger module, or another that is made for a test. */
export async function ledgerSetting(
  command: InstalledCommand,
  { module = ledger, isMigrated = false }: SettingOptions & { module?: FixtureModule } = {},
): Promise<Setting> {
  const project = await command.createProject();
  await installFixture(project, module);
  return settingOf(project, isMigrated ? [moduleOf(module)] : []);
}

/** With authz from the workspace. */
export async function authzSetting(
  command: InstalledCommand,
  { isMigrated = false }: SettingOptions = {},
): Promise<Setting> {
  return settingOf(await command.createProject(["authz"]), isMigrated ? [authz] : []);
}

/** With authz and queue from the workspace, all steps applied. */
export async function modulesSetting(command: InstalledCommand): Promise<Setting> {
  return settingOf(await command.createProject(["authz", "queue"]), [authz, queue]);
}

async function settingOf(project: Project, modules: readonly PostkitModule[]): Promise<Setting> {
  const db = await createTestDatabase();
  // By hand and not with a template of the test kit: that gives access to the application's role.
  if (modules.length > 0) await withClient(db.ownerUrl, (owner) => migrate(owner, { modules }));
  const runOn =
    (url: string) =>
    (...args: string[]) =>
      project.run(args, { env: { DATABASE_URL: url } });
  return {
    project,
    db,
    postkit: runOn(db.ownerUrl),
    postkitAsApp: runOn(db.appUrl),
    postkitAsSuperuser: runOn(db.superUrl),
    [Symbol.asyncDispose]: () => db.drop(),
  };
}

/** The schemas of a database that came after it was made. */
export async function schemasOf(db: TestDatabase): Promise<string[]> {
  const { rows } = await db.super.query<{ name: string }>(
    `select nspname::text as name from pg_namespace
     where nspname !~ '^pg_' and nspname not in ('information_schema', 'public') order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** The bytes of "postkit" as a number. */
const migrationLock = 0x706f73746b6974n;

/** Keeps others from migrating, as a process does that migrates itself. */
export async function holdMigrationLock(
  db: TestDatabase,
): Promise<AsyncDisposable & { readonly pid: number }> {
  const holder = await db.owner.connect();
  await holder.query("begin");
  const { rows } = await holder.query<{ pid: number }>(
    "select pg_backend_pid() as pid, pg_advisory_xact_lock($1)",
    [migrationLock],
  );
  return {
    pid: rows[0]?.pid ?? 0,
    async [Symbol.asyncDispose]() {
      await holder.query("rollback");
      holder.release();
    },
  };
}
