import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import type { PostkitModule } from "@postkit/core";
import pg from "pg";

import { appRole, ownerRole, urlFor } from "./roles.ts";
import { databasePrefix } from "./run-databases.ts";
import { serverOfRun, type ServerOfRun } from "./server-context.ts";
import { ensureTemplate, type TestTemplate } from "./template.ts";
import { withClient } from "./with-client.ts";

const poolSizeMax = 20;
const poolEndTimeoutMs = 250;

export interface TestDatabaseOptions {
  /** Migrated by the owner, with grants to the application role. @defaultValue none: an empty database */
  modules?: readonly PostkitModule[];
  /** More to start from, made once per run. */
  template?: TestTemplate;
  /** @defaultValue the server of the test run */
  server?: ServerOfRun;
}

/** A database of one's own, with a pool for each of the three roles. Pools connect when first used. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  readonly superUrl: string;
  readonly ownerUrl: string;
  readonly appUrl: string;
  /** For what only a superuser may do, and to look behind row level security. */
  readonly super: pg.Pool;
  /** Owns the database and the modules; no superuser, bound by row level security. */
  readonly owner: pg.Pool;
  /** What an application connects as. */
  readonly app: pg.Pool;
  readonly ownerRole: string;
  readonly appRole: string;
  /** Ends the pools and every session, and drops the database. */
  drop(): Promise<void>;
}

/**
 * Makes a database in some 20 ms, as a copy of a template.
 *
 * @example
 * await using db = await createTestDatabase({ modules: [authz] });
 * await db.app.query("select authz.check(...)");
 */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const server = options.server ?? (await serverOfRun());
  const template = await ensureTemplate(server, {
    modules: options.modules ?? [],
    template: options.template,
  });
  const name = `${databasePrefix(server.runId)}${randomBytes(5).toString("hex")}`;
  await copyTemplate(server, { name, template });
  return openDatabase(server, name);
}

async function copyTemplate(
  server: ServerOfRun,
  { name, template }: { name: string; template: string },
): Promise<void> {
  // Copying files is the faster strategy for small templates; before 15 it is the only one.
  const strategy = server.version >= 15 ? "strategy file_copy" : "";
  await withClient(server.url, (client) =>
    client.query(
      `create database ${name} template ${template} owner ${ownerRole.name} ${strategy}`,
    ),
  );
}

function openDatabase(server: ServerOfRun, name: string): TestDatabase {
  const superUrl = urlFor(server.url, { database: name });
  const ownerUrl = urlFor(server.url, { database: name, role: ownerRole });
  const appUrl = urlFor(server.url, { database: name, role: appRole });
  const pools = {
    super: createPool(superUrl),
    owner: createPool(ownerUrl),
    app: createPool(appUrl),
  };
  let dropped: Promise<void> | undefined;
  const drop = () => (dropped ??= dropDatabase(server, { name, pools: Object.values(pools) }));
  return {
    name,
    superUrl,
    ownerUrl,
    appUrl,
    ...pools,
    ownerRole: ownerRole.name,
    appRole: appRole.name,
    drop,
    [Symbol.asyncDispose]: drop,
  };
}

function createPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: poolSizeMax, allowExitOnIdle: true });
  // Dropping the database cuts connections. Whoever still uses one sees its query fail; nobody else needs to know.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

async function dropDatabase(
  server: ServerOfRun,
  { name, pools }: { name: string; pools: pg.Pool[] },
): Promise<void> {
  const ended = Promise.all(pools.filter((pool) => !pool.ended).map((pool) => pool.end()));
  // A client that a failed test did not release would never end by itself.
  await Promise.race([ended, delay(poolEndTimeoutMs, undefined, { ref: false })]);
  await withClient(server.url, (client) =>
    client.query(`drop database if exists ${name} with (force)`),
  );
}
