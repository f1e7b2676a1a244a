import {
  inspect,
  reviewGrants,
  status,
  verify,
  type DatabaseFacts,
  type PostkitModule,
  type SchemaFacts,
} from "@postkit/core";
import type { Client } from "pg";
import { withDatabase } from "../connect.ts";
import { checkAccess, checkGrants } from "../doctor/access-checks.ts";
import type { Check, CheckLevel } from "../doctor/check.ts";
import { checkModule, checkOtherModules, noModulesCheck } from "../doctor/module-checks.ts";
import { checkOwners, checkRole, checkServer } from "../doctor/server-checks.ts";
import { exitCodes, type ExitCode } from "../exit-codes.ts";
import { findModules } from "../find-modules.ts";
import type { DatabaseOptions } from "../options.ts";
import { colors, plural, printJson, say } from "../output.ts";

export type DoctorOptions = DatabaseOptions;

/** Checks all that keeps Postkit from working or from being safe, and says what to do. */
export async function doctor(options: DoctorOptions): Promise<ExitCode> {
  const modules = await findModules();
  const checks = await withDatabase(options, (client) => runChecks(client, modules));
  if (options.json) printJson({ checks });
  else sayChecks(checks);
  return checks.some(({ level }) => level === "fail") ? exitCodes.failure : exitCodes.ok;
}

async function runChecks(client: Client, modules: readonly PostkitModule[]): Promise<Check[]> {
  const facts = await inspect(client, { modules });
  return [
    ...checkServer(facts.server),
    checkRole(facts.role),
    ...(await orFailure("modules", () => runModuleChecks(client, modules, facts))),
    ...checkOtherModules(facts.otherModules),
    ...checkOwners(facts.schemas),
    ...(await orFailure("grants", () => runAccessChecks(client, facts))),
  ];
}

async function runModuleChecks(
  client: Client,
  modules: readonly PostkitModule[],
  { role, schemas }: DatabaseFacts,
): Promise<Check[]> {
  if (modules.length === 0) return [noModulesCheck];
  const verified = await verify(client, { modules });
  const sound = modules.filter(({ name }) =>
    verified.some((one) => one.module === name && one.findings.length === 0),
  );
  const statuses = await status(client, { modules: sound });
  const mayMigrate = coreSchema(schemas)?.isOwned ?? role.mayCreateSchemas;
  return verified.flatMap((one) =>
    checkModule({
      verified: one,
      status: statuses.find(({ module }) => module === one.module),
      mayMigrate,
    }),
  );
}

/** The owner learns what the recorded roles lack, any other role what it may do itself. */
async function runAccessChecks(
  client: Client,
  { role, schemas, server }: DatabaseFacts,
): Promise<Check[]> {
  const core = coreSchema(schemas);
  if (core === undefined) return [];
  if (!core.isOwned) return checkAccess(role, schemas);
  return server.isReplica ? [] : checkGrants(await reviewGrants(client));
}

function coreSchema(schemas: readonly SchemaFacts[]): SchemaFacts | undefined {
  return schemas.find(({ name }) => name === "postkit");
}

/** What cannot be checked has failed; the checks that follow may still tell more. */
async function orFailure(name: string, check: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await check();
  } catch (error) {
    return [
      { level: "fail", name, message: error instanceof Error ? error.message : String(error) },
    ];
  }
}

function sayChecks(checks: readonly Check[]): void {
  const width = Math.max(...checks.map(({ name }) => name.length));
  for (const { level, name, message, advice } of checks) {
    say(`${levelText(level)}  ${name.padEnd(width)}  ${message}`);
    if (advice !== undefined) say(colors.dim(`      ${" ".repeat(width)}  ${advice}`));
  }
  const count = (level: CheckLevel) => checks.filter((check) => check.level === level).length;
  say(`${plural(count("fail"), "failure")}, ${plural(count("warn"), "warning")}.`);
}

function levelText(level: CheckLevel): string {
  const color = { ok: colors.green, warn: colors.yellow, fail: colors.red }[level];
  return color(level.padEnd(4));
}
