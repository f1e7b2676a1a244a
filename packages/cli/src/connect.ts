import { PostkitError } from "@postkit/core";
import pg from "pg";
import { usageError } from "./cli-error.ts";
import type { DatabaseOptions } from "./options.ts";

const connectTimeoutMs = 10_000;

/**
 * Runs `work` on one connection to the database of the command. Whatever keeps it from connecting means that the
 * database is unreachable: no server, a name that does not resolve, a refused login, an unknown database.
 */
export async function withDatabase<T>(
  { databaseUrl }: DatabaseOptions,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const url = requireUrl(databaseUrl);
  const client = createClient(url);
  client.on("error", () => {});
  try {
    await client.connect().catch((error: unknown) => {
      throw unreachable(url, error);
    });
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

function requireUrl(databaseUrl: string | undefined): string {
  if (!databaseUrl) {
    throw usageError(
      "no database is given: pass --database-url or set DATABASE_URL; `postkit dev start` gives you one to try",
    );
  }
  if (!/^(postgres(ql)?|socket):\/\//.test(databaseUrl)) {
    throw usageError("the database URL must look like postgres://user@host/database");
  }
  return databaseUrl;
}

function createClient(connectionString: string): pg.Client {
  try {
    return new pg.Client({
      connectionString,
      fallback_application_name: "postkit",
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(`the database URL cannot be used: ${reason}`);
  }
}

function unreachable(databaseUrl: string, error: unknown): PostkitError {
  const { message, code } = firstReason(error);
  const sqlstate = code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : "08001";
  return new PostkitError({
    module: "core",
    code: "SYS_CONNECTION_FAILED",
    sqlstate,
    message: `no connection to ${addressOf(databaseUrl)}: ${message || (code ?? "unknown reason")}`,
    cause: error,
  });
}

/** Node tries each address of a host and tells of all of them at once, without a message of its own. */
function firstReason(error: unknown): { message: string; code?: string } {
  if (error instanceof AggregateError && error.errors.length > 0)
    return firstReason(error.errors[0]);
  return error instanceof Error ? error : { message: String(error) };
}

/** Where a URL points to, without its password and parameters. */
function addressOf(databaseUrl: string): string {
  if (!URL.canParse(databaseUrl)) return "the database";
  const { protocol, username, host, pathname } = new URL(databaseUrl);
  return `${protocol}//${username === "" ? "" : `${username}@`}${host}${pathname}`;
}
