import pg from "pg";
import { connectError } from "../database.ts";
import { coreError, fromDriverError } from "../errors.ts";

/** Where to migrate: a connection string, a pg configuration, or a Pool or connected Client that stays yours. */
export type MigrationTarget = string | pg.ClientConfig | pg.Pool | pg.ClientBase;

/** Runs `work` on one connection of the target and closes or returns it afterwards. */
export async function withClient<T>(
  target: MigrationTarget,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  if (target === undefined || target === null || target === "") {
    throw coreError(
      "VAL_ARGUMENT",
      "no database was given: pass a connection string, a pg configuration, a Pool or a Client",
    );
  }
  if (isPool(target)) return withPoolClient(target, work);
  if (isClient(target)) return work(assertIdle(target));
  const config = typeof target === "string" ? { connectionString: target } : target;
  const client = new pg.Client({
    fallback_application_name: "postkit",
    connectionTimeoutMillis: 10_000,
    ...config,
  });
  client.on("error", () => {});
  try {
    await connect(() => client.connect());
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

async function withPoolClient<T>(
  pool: pg.Pool,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const client = await connect(() => pool.connect());
  let failure: Error | undefined;
  const onError = (error: Error) => (failure = error);
  client.on("error", onError);
  try {
    return await work(client);
  } finally {
    client.off("error", onError);
    client.release(failure ?? isInTransaction(client));
  }
}

async function connect<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw connectError(error);
  }
}

/** Runs `work` in a read-only transaction, all of it on one snapshot, that is rolled back. */
export async function readOnly<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query("begin isolation level repeatable read read only");
  try {
    return await work();
  } catch (error) {
    throw fromDriverError(error);
  } finally {
    await client.query("rollback").catch(() => {});
  }
}

function isPool(target: MigrationTarget): target is pg.Pool {
  return typeof target === "object" && "totalCount" in target;
}

function isClient(target: MigrationTarget): target is pg.ClientBase {
  return typeof target === "object" && "query" in target && typeof target.query === "function";
}

/** Whether a transaction is open; clients that cannot tell are taken at their word. */
function isInTransaction(client: pg.ClientBase): boolean {
  const status = (
    client as { getTransactionStatus?: () => string | null }
  ).getTransactionStatus?.();
  return status === "T" || status === "E";
}

function assertIdle(client: pg.ClientBase): pg.ClientBase {
  if (isInTransaction(client)) {
    throw coreError(
      "VAL_ARGUMENT",
      "migrate() needs a connection that is not inside a transaction",
    );
  }
  return client;
}
